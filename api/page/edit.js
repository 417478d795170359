// Editing a concept in place: labels, definition, place. Saved at once, or proposed to others.

import { ConceptSearch, go, html, useEffect, useRef, useState, useText } from "./ui.js";
import { call, path } from "./api.js";

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// Fields that differ from the concept, as the API wants them.
function changed(concept, form) {
  const fields = {};
  const pref = Object.fromEntries(form.labels.filter((one) => one.pref.trim()).map((one) => [one.tag, one.pref.trim()]));
  const lists = (name) => Object.fromEntries(form.labels.filter((one) => lines(one[name]).length).map((one) => [one.tag, lines(one[name])]));
  const texts = Object.fromEntries(form.labels.filter((one) => one.definition.trim()).map((one) => [one.tag, one.definition.trim()]));
  if (!same(pref, concept.pref_label)) fields.pref_label = pref;
  if (!same(lists("alt"), concept.alt_label)) fields.alt_label = lists("alt");
  if (!same(texts, concept.definition)) fields.definition = texts;
  const broader = form.broader.map((one) => one.concept);
  if (!same(broader, (concept.relations.broader || []).map((one) => one.concept))) fields.broader = broader;
  return fields;
}

const opened = (concept, tags) => ({
  labels: tags.map((tag) => ({
    tag, pref: concept.pref_label[tag] || "", alt: (concept.alt_label[tag] || []).join("\n"), definition: concept.definition[tag] || "",
  })),
  broader: concept.relations.broader || [],
});

// What is not saved yet survives another view, and a reload of the tab.
const place = (id) => `kgtag-draft:${id}`;
export const hasDraft = (id) => sessionStorage.getItem(place(id)) !== null;

function draftOf(concept) {
  const draft = JSON.parse(sessionStorage.getItem(place(concept.id)) || "null");
  return draft?.etag === concept.etag ? draft : null;
}

export function Edit({ concept, onDone, onCancel }) {
  const t = useText();
  const tags = [...new Set(["en", "zh", ...Object.keys(concept.pref_label), ...Object.keys(concept.alt_label), ...Object.keys(concept.definition)])].sort();
  const [draft] = useState(() => draftOf(concept));
  const [form, setForm] = useState(draft?.form || opened(concept, tags));
  const [reason, setReason] = useState(draft?.reason || "");
  const first = useRef(null);
  useEffect(() => { first.current?.querySelector("input")?.focus(); }, []);
  const [tag, setTag] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
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
    setForm({ ...form, labels: [...form.labels, { tag: named, pref: "", alt: "", definition: "" }] });
    setTag("");
  };
  const run = async (work) => {
    setBusy(true);
    setWrong("");
    try { await work(); } catch (error) {
      setWrong(error.status === 412 ? t("changedMeanwhile") : error.message);
    }
    setBusy(false);
  };
  const save = (event) => {
    event.preventDefault();
    run(async () => { const saved = await call(path("concepts", concept.id), { method: "PATCH", etag: concept.etag, body: { ...fields, reason } }); forget(); onDone(saved); });
  };
  const propose = () => run(async () => {
    const made = await call("v1/proposals", { method: "POST", body: { operation: "set", concept: concept.id, ...fields, reason } });
    forget();
    go("review", String(made.id));
  });
  return html`<form class="card edit" onSubmit=${save} ref=${first}>
    <h2>${t("editTitle", { label: concept.label })}</h2>
    ${draft && html`<p class="note">${t("draft")}</p>`}
    ${form.labels.map((one, n) => html`<fieldset key=${one.tag}><legend>${one.tag}</legend>
      <label>${t("prefLabel")}<input lang=${one.tag} value=${one.pref} onInput=${(e) => set(n, "pref", e.target.value)} /></label>
      <label>${t("altLabels")}<textarea lang=${one.tag} rows=${Math.max(1, lines(one.alt).length)} value=${one.alt} onInput=${(e) => set(n, "alt", e.target.value)}></textarea></label>
      <label>${t("definition")}<textarea lang=${one.tag} rows="1" value=${one.definition} onInput=${(e) => set(n, "definition", e.target.value)}></textarea></label>
    </fieldset>`)}
    <div class="row"><input aria-label=${t("otherLanguage")} placeholder=${t("otherLanguage")} value=${tag} onInput=${(e) => setTag(e.target.value)} />
      <button type="button" class="quiet" onClick=${add} disabled=${!tag.trim()}>${t("addLanguage")}</button></div>
    ${concept.kind !== "attribute" && html`<fieldset><legend>${t("broader")}</legend>
      <div class="row">${form.broader.map((one) => html`<span class="chip" key=${one.concept}>${one.label}
        <button type="button" class="quiet" aria-label=${t("remove", { label: one.label })} onClick=${() => setForm({ ...form, broader: form.broader.filter((other) => other !== one) })}>×</button></span>`)}
        <${ConceptSearch} id="broader" label=${t("addBroader")} kind=${concept.kind} onPick=${(row) => form.broader.some((one) => one.concept === row.concept) || setForm({ ...form, broader: [...form.broader, { concept: row.concept, label: row.pref_label }] })} /></div>
    </fieldset>`}
    <label>${t("reason")}<input value=${reason} onInput=${(e) => setReason(e.target.value)} /></label>
    <div class="row"><button class="main" disabled=${!dirty || busy}>${t("save")}</button>
      <button type="button" class="quiet" disabled=${!dirty || busy} onClick=${propose}>${t("proposeInstead")}</button>
      <button type="button" class="quiet" onClick=${() => { forget(); onCancel(); }}>${t("cancel")}</button></div>
    <p class="wrong" role="alert">${wrong}</p>
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
    try { go("browse", (await call("v1/concepts", { method: "POST", body: body() })).id); onCancel(); } catch (error) { setWrong(error.message); }
  };
  return html`<form class="card" onSubmit=${add}>
    <label>${t(concept.kind === "attribute" ? "newValue" : "newBelow", { label: concept.label })}<input ref=${box} lang=${lang} value=${label} onInput=${(e) => setLabel(e.target.value)} /></label>
    <div class="row"><button class="main" disabled=${!label.trim()}>${t("create")}</button><button type="button" class="quiet" onClick=${onCancel}>${t("cancel")}</button></div>
    <p class="wrong" role="alert">${wrong}</p>
  </form>`;
}
