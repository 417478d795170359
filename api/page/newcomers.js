// New concepts without a place: labels pasted in, or mentions of Try; a number key picks one of the places that the
// service ranks, and that becomes a proposal.

import { Act, ConceptLink, ConceptSearch, html, percent, useAnswer, useKeys, useMay, useState, useText, Wait, Wrong } from "./ui.js";
import { call, get, path } from "./api.js";
import { newId } from "./fields.js";
import { NEW, useKept } from "./kept.js";
import { Queue } from "./queue.js";

const SHOWN = 9;

// A concept below a place; a value below its attribute, with or without a broader value.
async function operation(one, place) {
  const above = await get(path("concepts", place.broader));
  const kind = above.kind === "attribute" ? "value" : above.kind;
  const attributes = above.kind === "value" ? (above.relations.value_of || []).map((row) => row.concept) : above.kind === "attribute" ? [above.id] : [];
  return {
    operation: "create", concept: newId(attributes[0] || above.id, one.label), kind, scheme: above.scheme, pref_label: { [one.lang]: one.label.trim() },
    ...(above.kind === "attribute" ? {} : { broader: [above.id] }), ...(attributes.length ? { value_of: attributes } : {}),
  };
}

function Placing({ one, lang, onDone, onDrop, onRename }) {
  const t = useText();
  const may = useMay()("propose");
  const [label, setLabel] = useState(one.label);
  const [wrong, setWrong] = useState("");
  const asked = one.label;
  const state = useAnswer(async (signal) => {
    const kind = one.attribute ? "value" : one.kind || undefined;
    const answer = await call("v1/place", { method: "POST", signal, body: { concepts: [{ label: asked, lang: one.lang }], kind, limit: 40, lang } });
    const [found] = answer.concepts;
    const fits = found.places.filter((place) => !one.attribute || place.attribute === one.attribute);
    const top = one.attribute ? [{ broader: one.attribute, path: [await get(path("concepts", one.attribute), { lang }, { signal }).then((row) => row.label)], narrower: [] }] : [];
    return { ...found, by_meaning: answer.by_meaning, places: [...top, ...fits.filter((place, n) => n < 3 || place.probability >= 0.005)].slice(0, SHOWN) };
  }, [asked, one.attribute, one.kind, lang]);
  const send = async (make) => {
    setWrong("");
    try {
      const made = await call("v1/proposals", { method: "POST", body: { ...(await make()), reason: one.from ? t("fromTitle", { title: one.from }) : "", evidence: { label: one.label, ...(one.from ? { title: one.from } : {}) } } });
      onDone(one, t("proposed", { id: made.id }));
    } catch (error) { setWrong(error); }
  };
  const under = (place) => send(() => operation(one, place));
  const another = (place) => send(async () => {
    const concept = await get(path("concepts", place.broader));
    return { operation: "set", concept: concept.id, alt_label: { ...concept.alt_label, [one.lang]: [...(concept.alt_label[one.lang] || []), one.label.trim()] } };
  });
  const places = state.answer?.places || [];
  useKeys({ ...Object.fromEntries(places.map((place, n) => [String(n + 1), () => may && under(place)])), 0: () => onDrop(one) });
  return html`<article class="concept"><h2>${t("newConcept")} ${one.attribute && html`<span class="kind">${one.attribute}</span>`}</h2>
    <form class="row tight" onSubmit=${(e) => { e.preventDefault(); onRename(one, label); }}><input aria-label=${t("prefLabel")} lang=${one.lang} value=${label} onInput=${(e) => setLabel(e.target.value)} />
      ${label !== one.label && html`<button class="quiet">${t("rankAgain")}</button>`}</form>
    ${one.from && html`<p class="muted small">${t("fromTitle", { title: one.from })}</p>`}
    <${Wait} state=${state}>${(answer) => html`
      ${answer.known.length > 0 && html`<p class="wrong">${t("knownAs")} ${answer.known.map((row) => html`<${ConceptLink} key=${row.concept} id=${row.concept} label=${row.label} /> `)}</p>`}
      <p class="muted small">${t(answer.by_meaning ? "rankedByMeaning" : "rankedByWords")}</p>
      <ol class="choices" aria-label=${t("places")}>${answer.places.map((place, n) => html`<li key=${place.broader}><${Act} needs="propose" kind="quiet choice" onClick=${() => under(place)}><kbd>${n + 1}</kbd> ${place.path.join(" › ")} › <b>${one.label}</b><//>
          ${place.probability !== undefined && html`<span class="p">${percent(place.probability)}</span>`}
          <small><${ConceptLink} id=${place.broader} label=${t("look")} /></small> ${place.probability !== undefined && html`<${Act} needs="propose" onClick=${() => another(place)}>${t("anotherName", { label: place.label })}<//>`}
          ${place.narrower.length > 0 && html`<div class="muted small">${t("wouldMove", { labels: place.narrower.map((row) => row.label).join(", ") })}</div>`}</li>`)}
        ${!answer.places.length && html`<li class="muted">${t("noPlaces")}</li>`}
        <li><button class="quiet choice" onClick=${() => onDrop(one)}><kbd>0</kbd> ${t("dropNew")}</button></li></ol>
        ${["attributes", "values"].map((name) => answer[name].length > 0 && html`<p class="small" key=${name}>${t(name === "values" ? "likelyValues" : "likelyAttributes")} ${answer[name].slice(0, 8).map((row) => html`<${ConceptLink} key=${row.concept} id=${row.concept} label=${row.label} /> `)}</p>`)}`}<//>
    <div class="row"><${ConceptSearch} id="elsewhere" label=${t("elsewhere")} onPick=${(row) => may && under({ broader: row.concept })} /></div>
    <${Wrong} error=${wrong} /></article>`;
}

export function NewConcepts({ lang }) {
  const t = useText();
  const [rows, setRows] = useKept(NEW);
  const [text, setText] = useState("");
  const [note, setNote] = useState("");
  const add = (event) => {
    event.preventDefault();
    const known = new Set(rows.map((one) => one.label.toLowerCase()));
    const labels = [...new Set(text.split("\n").map((line) => line.trim()).filter(Boolean))].filter((label) => !known.has(label.toLowerCase()));
    setRows((all) => [...all, ...labels.map((label) => ({ label, lang: /\p{Script=Han}/u.test(label) ? "zh" : lang === "zh" ? "en" : lang }))]);
    setText("");
  };
  const without = (one) => setRows((all) => all.filter((row) => row.label !== one.label || row.attribute !== one.attribute));
  const shown = rows.map((one) => ({ ...one, key: `${one.attribute || ""} ${one.label}` }));
  return html`<${Queue} rows=${shown} hint=${t("newKeys")} empty=${t("noNew")} head=${(one) => html`${one.label} <span class="muted small">${one.attribute || ""}</span>`}
    above=${html`<form onSubmit=${add}><label class="hint" for="new-labels">${t("newHint")}</label>
      <textarea id="new-labels" rows="3" value=${text} onInput=${(e) => setText(e.target.value)}></textarea>
      <div class="row tight"><button class="quiet" disabled=${!text.trim()}>${t("addNew")}</button>${rows.length > 0 && html`<button type="button" class="quiet" onClick=${() => setRows([])}>${t("clearNew")}</button>`}</div></form><p class="note" role="status">${note}</p>`}>
    ${(one) => html`<${Placing} one=${one} lang=${lang} onDone=${(done, told) => { without(done); setNote(told); }} onDrop=${without}
      onRename=${(done, label) => setRows((all) => all.map((row) => (row.label === done.label && row.attribute === done.attribute ? { ...row, label: label.trim() } : row)))} />`}<//>`;
}
