// Editing a concept in place: its texts, its place, its relations. Saved at once, or proposed to others.

import { Act, ConceptSearch, go, html, Language, useContext, useEffect, useRef, useState, useText, Wrong } from "./ui.js";
import { changed, formOf, LINKS, newId, rowsOf } from "./fields.js";
import { Race } from "./race.js";
import { call, get, path } from "./api.js";

// What is not saved yet survives another view, and a reload of the tab.
const place = (id) => `kgtag-draft:${id}`;
export const hasDraft = (id) => sessionStorage.getItem(place(id)) !== null;

function draftOf(concept) {
  const draft = JSON.parse(sessionStorage.getItem(place(concept.id)) || "null");
  return draft?.etag === concept.etag ? draft : null;
}

// Other concepts in a relation to this one. Of a relation with more than the service lists, none can be edited here.
function Links({ concept, type, rows, onChange }) {
  const t = useText();
  if (rows.length >= 200) return html`<p class="muted small">${t(type)}: ${t("tooMany")}</p>`;
  return html`<fieldset><legend>${t(type)}</legend><div class="row">${rows.map((one) => html`<span class="chip" key=${one.concept}>${one.label}
      <button type="button" class="quiet" aria-label=${t("remove", { label: one.label })} onClick=${() => onChange(rows.filter((other) => other !== one))}>×</button></span>`)}
    <${ConceptSearch} id=${type} label=${t("add_" + type)} kind=${concept.kind} onPick=${(row) => rows.some((one) => one.concept === row.concept) || row.concept === concept.id || onChange([...rows, { concept: row.concept, label: row.pref_label }])} /></div></fieldset>`;
}

export function Edit({ concept: opened, onDone, onCancel }) {
  const t = useText();
  const lang = useContext(Language);
  const [concept, setConcept] = useState(opened);
  const [draft] = useState(() => draftOf(opened));
  const [form, setForm] = useState(draft?.form || formOf(opened));
  const [reason, setReason] = useState(draft?.reason || "");
  const first = useRef(null);
  useEffect(() => { first.current?.querySelector("input")?.focus(); }, []);
  const [tag, setTag] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const [race, setRace] = useState(null);
  const fields = changed(concept, form);
  const dirty = Object.keys(fields).length > 0;
  useEffect(() => {
    if (dirty) sessionStorage.setItem(place(concept.id), JSON.stringify({ etag: concept.etag, form, reason }));
    else sessionStorage.removeItem(place(concept.id));
  }, [form, reason, dirty]);
  const forget = () => sessionStorage.removeItem(place(concept.id));
  const set = (n, name, value) => setForm({ ...form, labels: form.labels.map((one, i) => (i === n ? { ...one, [name]: value } : one)) });
  const add = () => {
    const named = tag.trim();
    if (!named || form.labels.some((one) => one.tag === named)) return;
    setForm({ ...form, labels: [...form.labels, { tag: named, pref: "", alt: "", hidden: "", definition: "" }] });
    setTag("");
  };
  // The label that a rename leaves behind: people and titles go on using it.
  const dropped = (one) => {
    const was = formOf(concept).labels.find((other) => other.tag === one.tag)?.pref;
    return was && was !== one.pref.trim() && !one.alt.split("\n").includes(was) ? was : "";
  };
  const run = async (work) => {
    setBusy(true);
    setWrong("");
    try { await work(); } catch (error) {
      if (error.status === 412) await lost(); else setWrong(error);
    }
    setBusy(false);
  };
  // Somebody was quicker: their concept, and who it was. The store refused the edit; what is served follows it within
  // seconds.
  const lost = async () => {
    try {
      let theirs;
      for (let turn = 0; turn < 40 && (!theirs || theirs.etag === concept.etag); turn++) {
        if (theirs) await new Promise((done) => setTimeout(done, 250));
        theirs = await get(path("concepts", concept.id), { lang });
      }
      setRace({ theirs, by: (await get("v1/taxonomy/versions", { concept: concept.id, limit: 1 })).versions[0] });
    } catch (error) { setWrong(error); }
  };
  const take = (form) => { setConcept(race.theirs); setForm(form); setRace(null); setWrong(""); };
  const save = (event) => {
    event.preventDefault();
    run(async () => { const saved = await call(path("concepts", concept.id), { method: "PATCH", etag: concept.etag, body: { ...fields, reason } }); forget(); onDone(saved); });
  };
  const propose = () => run(async () => {
    const made = await call("v1/proposals", { method: "POST", body: { operation: "set", concept: concept.id, ...fields, reason } });
    forget();
    go("review", String(made.id));
  });
  const cancel = () => { forget(); onCancel(); };
  if (race) return html`<${Race} base=${formOf(concept)} theirs=${formOf(race.theirs)} mine=${form} by=${race.by} lang=${lang} onTaken=${take} onCancel=${() => setRace(null)} />`;
  const text = (n, one, name, label, rows) => html`<label>${t(label)}<textarea lang=${one.tag} rows=${rows} value=${one[name]} onInput=${(e) => set(n, name, e.target.value)}></textarea></label>`;
  return html`<form class="card edit" onSubmit=${save} ref=${first}>
    <h2>${t("editTitle", { label: concept.label })}</h2>
    ${draft && html`<p class="note">${t("draft")}</p>`}
    ${concept !== opened && html`<p class="note" role="status">${t("raceTaken")}</p>`}
    ${form.labels.map((one, n) => html`<fieldset key=${one.tag}><legend>${one.tag}</legend>
      <label>${t("prefLabel")}<input lang=${one.tag} value=${one.pref} onInput=${(e) => set(n, "pref", e.target.value)} /></label>
      ${dropped(one) && html`<button type="button" class="quiet" onClick=${() => set(n, "alt", [...one.alt.split("\n").filter(Boolean), dropped(one)].join("\n"))}>${t("keepOld", { label: dropped(one) })}</button>`}
      ${text(n, one, "alt", "altLabels", rowsOf(one.alt))}${text(n, one, "definition", "definition", 1)}${text(n, one, "hidden", "hiddenLabels", rowsOf(one.hidden))}
    </fieldset>`)}
    <div class="row"><input aria-label=${t("otherLanguage")} placeholder=${t("otherLanguage")} value=${tag} onInput=${(e) => setTag(e.target.value)} />
      <button type="button" class="quiet" onClick=${add} disabled=${!tag.trim()}>${t("addLanguage")}</button></div>
    ${LINKS.filter((type) => type !== "broader" || concept.kind !== "attribute").map((type) => html`<${Links} key=${type} concept=${concept} type=${type} rows=${form[type]} onChange=${(rows) => setForm({ ...form, [type]: rows })} />`)}
    <label>${t("notation")}<input value=${form.notation} onInput=${(e) => setForm({ ...form, notation: e.target.value })} /></label>
    <label>${t("reason")}<input value=${reason} onInput=${(e) => setReason(e.target.value)} /></label>
    <div class="row"><${Act} needs="edit" kind="main" disabled=${!dirty || busy}>${t("save")}<//>
      <${Act} needs="propose" disabled=${!dirty || busy} onClick=${propose}>${t("proposeInstead")}<//>
      <button type="button" class="quiet" onClick=${cancel}>${t("cancel")}</button>
      ${busy && html`<span class="muted" role="status">${t("loading")}</span>`}</div>
    <${Wrong} error=${wrong} />
  </form>`;
}

// A new concept below this one, or a value of this attribute.
export function AddBelow({ concept, lang, onCancel }) {
  const t = useText();
  const [label, setLabel] = useState("");
  const [wrong, setWrong] = useState("");
  const box = useRef(null);
  useEffect(() => box.current.focus(), []);
  const body = () => ({
    kind: concept.kind === "attribute" ? "value" : concept.kind, scheme: concept.scheme, pref_label: { [lang]: label.trim() },
    ...(concept.kind === "attribute" ? { value_of: [concept.id] } : { broader: [concept.id] }),
    ...(concept.kind === "value" ? { value_of: (concept.relations.value_of || []).map((one) => one.concept) } : {}),
  });
  const add = async (event) => {
    event.preventDefault();
    try { go("browse", (await call("v1/concepts", { method: "POST", body: body() })).id); onCancel(); } catch (error) { setWrong(error); }
  };
  const propose = async () => {
    try { go("review", String((await call("v1/proposals", { method: "POST", body: { operation: "create", concept: newId(concept.id, label), ...body() } })).id)); } catch (error) { setWrong(error); }
  };
  return html`<form class="card" onSubmit=${add}>
    <label>${t(concept.kind === "attribute" ? "newValue" : "newBelow", { label: concept.label })}<input ref=${box} lang=${lang} value=${label} onInput=${(e) => setLabel(e.target.value)} /></label>
    <div class="row"><${Act} needs="edit" kind="main" disabled=${!label.trim()}>${t("create")}<//>
      <${Act} needs="propose" disabled=${!label.trim()} onClick=${propose}>${t("proposeInstead")}<//><button type="button" class="quiet" onClick=${onCancel}>${t("cancel")}</button></div>
    <${Wrong} error=${wrong} />
  </form>`;
}
