// Taking a concept out of use: deprecated, with or without a successor, or merged into another.

import { Act, ConceptSearch, go, html, useEffect, useRef, useState, useText, Wrong } from "./ui.js";
import { call, path } from "./api.js";

export function Retire({ concept, onDone, onCancel, onStale }) {
  const t = useText();
  const [way, setWay] = useState("deprecate");
  const [other, setOther] = useState(null);
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState("");
  const first = useRef(null);
  useEffect(() => first.current.focus(), []);
  const fields = () => (way === "merge" ? { into: other.concept } : other ? { replaced_by: other.concept } : {});
  const ready = way === "deprecate" || other;
  const run = async (work) => {
    setWrong("");
    try { await work(); } catch (error) {
      setWrong(error.status === 412 ? t("changedLook") : error);
      if (error.status === 412) onStale();
    }
  };
  const save = (event) => {
    event.preventDefault();
    run(async () => {
      await call(path("concepts", concept.id, way), { method: "POST", etag: concept.etag, body: { ...fields(), reason } });
      if (way === "merge") go("browse", other.concept);
      onDone();
    });
  };
  const propose = () => run(async () => {
    go("review", String((await call("v1/proposals", { method: "POST", body: { operation: way, concept: concept.id, ...fields(), reason } })).id));
  });
  return html`<form class="card edit" onSubmit=${save}>
    <h2>${t("retireTitle", { label: concept.label })}</h2>
    <fieldset><legend>${t("retireHow")}</legend>
      ${["deprecate", "merge"].map((one, n) => html`<label class="check" key=${one}><input ref=${n ? null : first} type="radio" name="way" checked=${way === one} onChange=${() => setWay(one)} /> ${t(one + "It")}</label>`)}
    </fieldset>
    <div class="row">${other ? html`<span class="chip">${other.label} <button type="button" class="quiet" aria-label=${t("remove", { label: other.label })} onClick=${() => setOther(null)}>×</button></span>`
      : html`<${ConceptSearch} id="other" kind=${concept.kind} label=${t(way === "merge" ? "mergeInto" : "successor")} onPick=${(row) => row.concept !== concept.id && setOther({ concept: row.concept, label: row.pref_label })} />`}</div>
    <p class="muted small">${t(way === "merge" ? "mergeNote" : "deprecateNote")}</p>
    <label>${t("reason")}<input value=${reason} onInput=${(e) => setReason(e.target.value)} /></label>
    <div class="row"><${Act} needs="edit" kind="main" disabled=${!ready}>${t(way === "merge" ? "merge" : "deprecate")}<//>
      <${Act} needs="propose" disabled=${!ready} onClick=${propose}>${t("proposeInstead")}<//>
      <button type="button" class="quiet" onClick=${onCancel}>${t("cancel")}</button></div>
    <${Wrong} error=${wrong} />
  </form>`;
}
