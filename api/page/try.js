// Try: titles in, tags out, with the reasons; right, wrong and missing go back as feedback.

import { ConceptLink, ConceptSearch, Copy, download, Empty, go, html, Kind, percent, Probability, useEffect, useRef, useState, useText } from "./ui.js";
import { call, get, key, tagAll } from "./api.js";
import { Marked } from "./marked.js";

const MOST = 1000;
const EXAMPLES = ["Merino wool crew neck sweater, navy, women's", "Trail running shoes for men, waterproof, red", "女士真皮双肩包 棕色 大容量"];

const titlesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, MOST);

const TITLES = ["title", "name", "product", "product name", "product title", "produktname", "titel", "标题", "商品标题", "商品名称", "名称", "产品名称"];

// UTF-8, else what Chinese spreadsheets write.
async function textOf(file) {
  const bytes = await file.arrayBuffer();
  try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return new TextDecoder("gb18030").decode(bytes); }
}

function cells(line, cut) {
  const found = [];
  let [text, quoted] = ["", false];
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '"') {
      if (quoted && line[i + 1] === '"') { text += '"'; i++; } else quoted = !quoted;
    } else if (line[i] === cut && !quoted) { found.push(text); text = ""; } else text += line[i];
  }
  return [...found, text].map((one) => one.trim());
}

// A file as titles: one a line, the `title` of JSON lines, or the column of titles of a table: by its name, else the
// one with the longest texts.
async function read(file) {
  const lines = (await textOf(file)).replace(/^\uFEFF/, "").split(/\r?\n/).filter((line) => line.trim());
  if (/\.jsonl$/i.test(file.name)) return lines.map((line) => { const row = JSON.parse(line); return typeof row === "string" ? row : row.title || ""; }).filter(Boolean);
  if (!/\.(csv|tsv)$/i.test(file.name) || !lines.length) return lines;
  const cut = ["\t", ";", ","].map((one) => [one, lines[0].split(one).length]).sort((a, b) => b[1] - a[1])[0][0];
  const rows = lines.map((line) => cells(line, cut));
  const named = rows[0].findIndex((name) => TITLES.includes(name.toLowerCase()));
  if (named >= 0) return rows.slice(1).map((row) => row[named]).filter(Boolean);
  const length = (column) => rows.reduce((sum, row) => sum + (row[column] || "").length, 0);
  const longest = rows[0].map((_, column) => column).sort((a, b) => length(b) - length(a))[0];
  return rows.map((row) => row[longest]).filter(Boolean);
}

const hues = new Map();
const hue = (name) => { if (!hues.has(name)) hues.set(name, (hues.size * 67 + 150) % 360); return hues.get(name); };
const spansOf = (row, at) => [
  ...row.tags.filter((tag) => tag.span && !tag.field).map((tag) => ({ span: tag.span, kind: tag.concept === at ? "at" : "", title: tag.why || tag.label, style: { background: `hsl(${hue(tag.attribute || tag.kind)} 65% 55% / .26)` } })),
  ...row.nil.filter((one) => one.span && !one.field).map((one) => ({ span: one.span, kind: "nil", title: one.why || "" })),
];

// The probability stands beside the reason.
const reason = (tag) => (tag.why || (tag.rule || tag.method).replaceAll("_", " ")).replace(/; probability [\d.]+$/, "");

// The attribute of a value says more than that it is one.
const Of = ({ tag }) => (tag.attribute ? html`<span class="kind">${tag.attribute}</span>` : html`<${Kind} kind=${tag.kind} />`);

function Answer({ title, row, lang, only }) {
  const t = useText();
  const [verdicts, setVerdicts] = useState({});
  const [note, setNote] = useState("");
  const [at, setAt] = useState(0);
  const [asking, ask] = useState(false);
  const list = useRef(null);
  if (row.error) return html`<article class="card"><p class="title">${title}</p><p class="wrong" role="alert">${row.error.detail || row.error.title}</p></article>`;
  const give = async (concept, label, verdict, span) => {
    try {
      await call("v1/feedback", { method: "POST", body: { product: { title }, concept, verdict, ...(span ? { span } : {}) } });
      setVerdicts((all) => ({ ...all, [concept]: verdict }));
      setNote(t("noted", { verdict: t(verdict === "missing" ? "addMissing" : verdict), label }));
    } catch (error) { setNote(error.message); }
  };
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
      <li key=${tag.concept} tabindex=${n === at ? 0 : -1} onFocus=${() => setAt(n)} class=${verdicts[tag.concept] || ""}>
        <span class="what"><${ConceptLink} id=${tag.concept} label=${tag.label} /> <${Of} tag=${tag} /></span>
        <span class="why">${reason(tag)}</span>
        <${Probability} value=${tag.probability} />
        <span class="verdict">
          <button class="quiet" aria-pressed=${verdicts[tag.concept] === "right"} aria-label=${`${t("right")}: ${tag.label}`} title=${t("right") + " (Y)"} onClick=${() => give(tag.concept, tag.label, "right", tag.field ? undefined : tag.span)}>✓</button>
          <button class="quiet" aria-pressed=${verdicts[tag.concept] === "wrong"} aria-label=${`${t("wrong")}: ${tag.label}`} title=${t("wrong") + " (N)"} onClick=${() => give(tag.concept, tag.label, "wrong", tag.field ? undefined : tag.span)}>✗</button>
        </span>
      </li>`)}</ul>` : html`<p class="muted">${t("noTags")}</p>`}
    ${row.nil.length > 0 && html`<h2>${t("nil")}</h2><ul class="tags">${row.nil.map((one) => html`<${Unknown} key=${one.surface + one.span} one=${one} title=${title} lang=${lang} />`)}</ul>`}
    ${row.dropped.length > 0 && html`<details><summary>${t("dropped", { count: row.dropped.length })}</summary>
      <ul class="tags">${row.dropped.map((tag) => html`<li key=${tag.concept + tag.rule}><span class="what"><${ConceptLink} id=${tag.concept} label=${tag.label} /> <${Kind} kind=${tag.kind} /></span>
        <span class="why">${reason(tag)}</span><${Probability} value=${tag.probability} /></li>`)}</ul></details>`}
    <div class="row">
      ${asking ? html`<${ConceptSearch} id="missing" label=${t("missing")} autofocus=${true} onPick=${(found) => { ask(false); give(found.concept, found.label, "missing"); }} />`
        : html`<button class="quiet" title="M" onClick=${() => ask(true)}>+ ${t("addMissing")}</button>`}
      <${Copy} label=${t("asCurl")} text=${curl(title)} /><${Copy} label=${t("asPython")} text=${python(title)} />
    </div>
    <p class="note" role="status">${note}</p>
    ${only && row.tags.length > 0 && html`<p class="muted small">${t("keys")}</p>`}
  </article>`;
}

function Unknown({ one, title, lang }) {
  const t = useText();
  const [done, set] = useState("");
  const propose = async () => {
    try {
      const attribute = await get(`v1/concepts/${encodeURIComponent(one.attribute)}`);
      const id = `${attribute.id}.${one.surface.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}`;
      const operation = { operation: "create", concept: id, kind: "value", scheme: attribute.scheme, pref_label: { [lang]: one.surface }, value_of: [attribute.id] };
      const body = { ...operation, reason: `in the title “${title}”`, evidence: { title, span: one.span, score: one.score } };
      const made = await call("v1/proposals", { method: "POST", body });
      set(t("proposed", { id: made.proposal?.id ?? made.id }));
    } catch (error) { set(error.message); }
  };
  return html`<li><span class="what">“${one.surface}” ${one.attribute && html`<span class="muted">${one.attribute}</span>`}</span><span class="why">${one.why || ""}</span>
    <span class="p">${percent(one.score)}</span>
    ${done ? html`<span role="status">${done}</span>` : one.attribute && html`<button class="quiet" onClick=${propose}>${t("proposeValue")}</button>`}</li>`;
}

const curl = (title) => `curl -s ${location.origin}${location.pathname}v1/tag?explain=true -H "Authorization: Bearer $KGTAG_KEY" -H "Content-Type: application/json" -d '${JSON.stringify({ title }).replaceAll("'", "'\\''")}'`;
const python = (title) => `from kgtag.client import Client\n\nwith Client("${location.origin}${location.pathname}", key=KEY) as client:\n    row = client.tag(${JSON.stringify(title)})\n`;

export default function Try({ route, lang }) {
  const t = useText();
  const asked = route.params.title || "";
  const [text, setText] = useState(asked);
  const [rows, setRows] = useState([]);
  const [total, setTotal] = useState(0);
  const [wrong, setWrong] = useState("");
  const turn = useRef(0);

  const tag = async (titles) => {
    const mine = ++turn.current;
    setRows([]); setWrong(""); setTotal(titles.length);
    if (!titles.length || !key()) return;
    try {
      if (titles.length === 1) {
        const row = await call("v1/tag?explain=true", { method: "POST", body: { id: "1", title: titles[0] } });
        if (mine === turn.current) setRows([{ title: titles[0], row }]);
      } else {
        let n = 0;
        for await (const row of tagAll(titles.map((title, i) => ({ id: String(i), title })))) {
          if (mine !== turn.current) return;
          const title = titles[n++];
          setRows((all) => [...all, { title, row }]);
        }
      }
    } catch (error) { if (mine === turn.current) setWrong(error.message); }
  };
  useEffect(() => { setText(asked); tag(titlesOf(asked)); }, [asked]);
  const start = () => {
    const titles = titlesOf(text);
    // What is long does not fit into a link.
    if (titles.join("\n") === asked || titles.join("\n").length > 1500) tag(titles);
    else go("try", "", { title: titles.join("\n") });
  };
  const open = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const titles = (await read(file)).slice(0, MOST);
      if (!titles.length) throw new Error(t("noTitles"));
      history.replaceState(null, "", "#/try"); // a file fits into no link
      setText(titles.join("\n"));
      tag(titles);
    } catch (error) { setWrong(`${file.name}: ${error.message}`); }
    event.target.value = "";
  };
  const save = () => {
    download(new Blob(rows.map(({ title, row }) => JSON.stringify({ title, ...row }) + "\n"), { type: "application/x-ndjson" }), "tags.jsonl");
  };
  return html`<h1>${t("tryTitle")}</h1>
    <form class="card" onSubmit=${(e) => { e.preventDefault(); start(); }}>
      <label class="hint" for="titles">${t("tryHint")}</label>
      <textarea id="titles" rows=${Math.min(8, Math.max(2, text.split("\n").length))} value=${text} spellcheck=${false} autofocus
        onInput=${(e) => setText(e.target.value)} onKeyDown=${(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && !e.isComposing) { e.preventDefault(); start(); } }}></textarea>
      <div class="row"><button class="main" disabled=${!text.trim()}>${t("tagThem")}</button>
        <label class="quiet file">${t("file")}<input type="file" accept=".txt,.csv,.tsv,.jsonl" onChange=${open} /></label>
        ${total > 1 && html`<span class="muted" role="status">${t("progress", { done: rows.length, total })}</span>`}
        ${rows.length > 1 && rows.length === total && html`<button type="button" class="quiet" onClick=${save}>${t("download")}</button>`}
      </div>
      <p class="wrong" role="alert">${wrong}</p>
    </form>
    ${rows.map(({ title, row }, n) => html`<${Answer} key=${turn.current + "." + n} title=${title} row=${row} lang=${lang} only=${rows.length === 1} />`)}
    ${!total && html`<${Empty}><p>${t("tryEmpty")}</p><ul>${EXAMPLES.map((title) => html`<li key=${title}><a href=${"#/try?" + new URLSearchParams({ title })}>${title}</a></li>`)}</ul><//>`}`;
}
