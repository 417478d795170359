// The tags of one title, with the reasons; right, wrong and missing go back as feedback, and can be taken back.

import { Act, ConceptLink, ConceptSearch, Copy, html, Kind, percent, Probability, useRef, useState, useText, Wrong } from "./ui.js";
import { ApiError, call, get, path } from "./api.js";
import { reasonIn } from "./chinese.js";
import { newId } from "./fields.js";
import { queueNew } from "./kept.js";
import { Marked } from "./marked.js";

const hues = new Map();
const hue = (name) => { if (!hues.has(name)) hues.set(name, (hues.size * 67 + 150) % 360); return hues.get(name); };
const spansOf = (row, at) => [
  ...row.tags.filter((tag) => tag.span && !tag.field).map((tag) => ({ span: tag.span, kind: tag.concept === at ? "at" : "", title: tag.why || tag.label, style: { background: `hsl(${hue(tag.attribute || tag.kind)} 65% 55% / .26)` } })),
  ...row.nil.filter((one) => one.span && !one.field).map((one) => ({ span: one.span, kind: "nil", title: one.why || "" })),
];

// The probability stands beside the reason. In Chinese it is told from the same parts; the English one is its tooltip.
const english = (tag) => (tag.why || (tag.rule || tag.method).replaceAll("_", " ")).replace(/; probability [\d.]+$/, "");
function Why({ tag, row, lang }) {
  if (lang !== "zh") return html`<span class="why">${english(tag)}</span>`;
  const nameOf = (id) => [...row.tags, ...row.dropped].find((one) => one.concept === id)?.label ?? id;
  return html`<span class="why" title=${english(tag)}>${reasonIn(tag, nameOf)}</span>`;
}

// The attribute of a value says more than that it is one.
const Of = ({ tag }) => (tag.attribute ? html`<span class="kind">${tag.attribute}</span>` : html`<${Kind} kind=${tag.kind} />`);

// `memory` keeps the verdicts while a filter hides the title.
export function Answer({ title, row, memory, lang, only }) {
  const t = useText();
  const [verdicts, setVerdicts] = useState(memory.verdicts || {});
  memory.verdicts = verdicts;
  const [note, setNote] = useState("");
  const [wrong, setWrong] = useState("");
  const [at, setAt] = useState(0);
  const [asking, ask] = useState(false);
  const list = useRef(null);
  if (row.error) return html`<article class="card"><p class="title">${title}</p><${Wrong} error=${new ApiError(row.error.status, row.error)} /></article>`;
  // A verdict given twice is taken back; another one takes its place.
  const give = async (concept, label, verdict, span) => {
    const before = verdicts[concept];
    const again = before?.verdict === verdict;
    try {
      setWrong("");
      if (before) await call(path("feedback", before.id), { method: "DELETE" });
      const { feedback } = again ? {} : await call("v1/feedback", { method: "POST", body: { product: { title }, concept, verdict, ...(span ? { span } : {}) } });
      setVerdicts((all) => ({ ...all, [concept]: feedback && { verdict, label, id: feedback.id } }));
      setNote(again ? t("takenBack", { label }) : t("noted", { verdict: t(verdict === "missing" ? "addMissing" : verdict), label }));
    } catch (error) { setWrong(error); }
  };
  const missing = Object.entries(verdicts).filter(([, one]) => one?.verdict === "missing");
  const onKeyDown = (event) => {
    if (event.target.tagName === "INPUT") return;
    const tag = row.tags[at];
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      const next = Math.max(0, Math.min(row.tags.length - 1, at + move));
      setAt(next);
      list.current.children[next]?.focus();
    } else if (event.key === "y" && tag) give(tag.concept, tag.label, "right", tag.field ? undefined : tag.span);
    else if (event.key === "n" && tag) give(tag.concept, tag.label, "wrong", tag.field ? undefined : tag.span);
    else if (event.key === "m") ask(true);
    else return;
    event.preventDefault();
  };
  return html`<article class="card" onKeyDown=${onKeyDown}>
    <${Marked} text=${title} spans=${spansOf(row, row.tags[at]?.concept)} />
    <h2>${t("tags")}</h2>
    ${row.tags.length ? html`<ul class="tags" ref=${list}>${row.tags.map((tag, n) => html`
      <li key=${tag.concept} tabindex=${n === at ? 0 : -1} onFocus=${() => setAt(n)} class=${verdicts[tag.concept]?.verdict || ""}>
        <span class="what"><${ConceptLink} id=${tag.concept} label=${tag.label} stop=${n === at} /> <${Of} tag=${tag} /></span>
        <${Why} tag=${tag} row=${row} lang=${lang} />
        <${Probability} value=${tag.probability} />
        <span class="verdict">
          <${Act} needs="tag propose" tabindex=${n === at ? 0 : -1} aria-pressed=${verdicts[tag.concept]?.verdict === "right"} aria-label=${`${t("right")}: ${tag.label}`} title=${t("right") + " (Y)"} onClick=${() => give(tag.concept, tag.label, "right", tag.field ? undefined : tag.span)}>✓<//>
          <${Act} needs="tag propose" tabindex=${n === at ? 0 : -1} aria-pressed=${verdicts[tag.concept]?.verdict === "wrong"} aria-label=${`${t("wrong")}: ${tag.label}`} title=${t("wrong") + " (N)"} onClick=${() => give(tag.concept, tag.label, "wrong", tag.field ? undefined : tag.span)}>✗<//>
        </span>
      </li>`)}</ul>` : html`<p class="muted">${t("noTags")}</p>`}
    ${row.flags?.length > 0 && html`<h2>${t("flags")}</h2><ul class="tags">${row.flags.map((one) => html`<li key=${one.term + one.span}><span class="what">${one.term} <span class="kind">${t("flag_" + one.kind)}</span></span></li>`)}</ul>`}
    ${row.nil.length > 0 && html`<h2>${t("nil")}</h2><ul class="tags">${row.nil.map((one) => html`<${Unknown} key=${one.surface + one.span} one=${one} title=${title} lang=${lang} />`)}</ul>`}
    ${row.dropped.length > 0 && html`<details><summary>${t("dropped", { count: row.dropped.length })}</summary>
      <ul class="tags">${row.dropped.map((tag) => html`<li key=${tag.concept + tag.rule}><span class="what"><${ConceptLink} id=${tag.concept} label=${tag.label} /> <${Kind} kind=${tag.kind} /></span>
        <${Why} tag=${tag} row=${row} lang=${lang} /><${Probability} value=${tag.probability} /></li>`)}</ul></details>`}
    ${missing.length > 0 && html`<ul class="chips row">${missing.map(([id, one]) => html`<li key=${id}><${ConceptLink} id=${id} label=${one.label} /> <span class="muted small">${t("addMissing")}</span>
      <button class="quiet" aria-label=${t("takeBack", { label: one.label })} onClick=${() => give(id, one.label, "missing")}>×</button></li>`)}</ul>`}
    <div class="row">
      ${asking ? html`<${ConceptSearch} id="missing" label=${t("missing")} autofocus=${true} onPick=${(found) => { ask(false); give(found.concept, found.label, "missing"); }} />`
        : html`<${Act} needs="tag propose" title="M" onClick=${() => ask(true)}>+ ${t("addMissing")}<//>`}
      <${Copy} label=${t("asCurl")} text=${curl(title)} /><${Copy} label=${t("asPython")} text=${python(title)} />
    </div>
    <p class="note" role="status">${note}</p><${Wrong} error=${wrong} />
    ${only && row.tags.length > 0 && html`<p class="muted small">${t("keys")}</p>`}
  </article>`;
}

// A mention without a concept, as the queue of new concepts has it.
export const unplaced = (one, title, lang) => ({ label: one.surface, lang: /\p{Script=Han}/u.test(one.surface) ? "zh" : lang === "zh" ? "en" : lang, from: title, ...(one.attribute ? { attribute: one.attribute } : {}) });

function Unknown({ one, title, lang }) {
  const t = useText();
  const [done, set] = useState("");
  const [wrong, setWrong] = useState("");
  const propose = async () => {
    try {
      const attribute = await get(`v1/concepts/${encodeURIComponent(one.attribute)}`);
      const id = newId(attribute.id, one.surface);
      const operation = { operation: "create", concept: id, kind: "value", scheme: attribute.scheme, pref_label: { [unplaced(one, title, lang).lang]: one.surface }, value_of: [attribute.id] };
      const body = { ...operation, reason: `in the title “${title}”`, evidence: { title, span: one.span, score: one.score } };
      const made = await call("v1/proposals", { method: "POST", body });
      set(t("proposed", { id: made.proposal?.id ?? made.id }));
    } catch (error) { setWrong(error); }
  };
  const queue = () => { queueNew([unplaced(one, title, lang)]); set(t("queued")); };
  return html`<li><span class="what">“${one.surface}” ${one.attribute && html`<span class="muted">${one.attribute}</span>`}</span><span class="why" title=${one.why || ""}>${lang === "zh" ? t("nilWhy") : one.why || ""}</span>
    <span class="p">${percent(one.score)}</span>
    ${done ? html`<span role="status">${done}</span>` : html`<span class="row tight">${one.attribute && html`<${Act} needs="propose" onClick=${propose}>${t("proposeValue")}<//>`}<button class="quiet" onClick=${queue}>${t("queueIt")}</button></span>`}<${Wrong} error=${wrong} /></li>`;
}

const curl = (title) => `curl -s ${location.origin}${location.pathname}v1/tag?explain=true -H "Authorization: Bearer $KGTAG_KEY" -H "Content-Type: application/json" -d '${JSON.stringify({ title }).replaceAll("'", "'\\''")}'`;
const python = (title) => `from kgtag.client import Client\n\nwith Client("${location.origin}${location.pathname}", key=KEY) as client:\n    row = client.tag(${JSON.stringify(title)})\n`;
