// Try: titles in, or a file of them; tags out, to be looked through.

import { Act, download, Empty, go, html, useEffect, useKeys, useRef, useState, useText, Wrong } from "./ui.js";
import { call, key, tagAll } from "./api.js";
import { Answer, unplaced } from "./answer.js";
import { read } from "./files.js";
import { queueNew } from "./kept.js";
import { Sift, sifted } from "./sift.js";

const MOST = 1000;
const SHOWN = 50;
const EVERYTHING = { kind: "all", tag: "" };
const EXAMPLES = ["Merino wool crew neck sweater, navy, women's", "Trail running shoes for men, waterproof, red", "女士真皮双肩包 棕色 大容量"];

const titlesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, MOST);

export default function Try({ route, lang }) {
  const t = useText();
  const asked = route.params.title || "";
  const [text, setText] = useState(asked);
  const [rows, setRows] = useState([]);
  const [total, setTotal] = useState(0);
  const [wrong, setWrong] = useState("");
  const turn = useRef(0);
  const [by, setBy] = useState(EVERYTHING);
  const [shown, setShown] = useState(SHOWN);
  const [note, setNote] = useState("");

  const tag = async (titles) => {
    const mine = ++turn.current;
    setRows([]); setWrong(""); setNote(""); setTotal(titles.length); setBy(EVERYTHING); setShown(SHOWN);
    if (!titles.length || !key()) return;
    try {
      if (titles.length === 1) {
        const row = await call("v1/tag?explain=true", { method: "POST", body: { id: "1", title: titles[0] } });
        if (mine === turn.current) setRows([{ title: titles[0], row, memory: {}, number: 0 }]);
      } else {
        const found = [];
        let drawn = 0;
        for await (const row of tagAll(titles.map((title, i) => ({ id: String(i), title })))) {
          if (mine !== turn.current) return;
          found.push({ title: titles[found.length], row, memory: {}, number: found.length });
          // Drawing takes longer than tagging: ten times a second is often enough.
          if (performance.now() - drawn > 100) { setRows([...found]); drawn = performance.now(); }
        }
        setRows(found);
      }
    } catch (error) { if (mine === turn.current) setWrong(error); }
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
  // From one title to the next, at the tag that had the focus there.
  const step = (by) => {
    const cards = [...document.querySelectorAll("article.card")];
    const next = cards[cards.indexOf(document.activeElement.closest?.("article.card")) + by];
    next?.querySelector(".tags li[tabindex='0']")?.focus();
  };
  useKeys({ j: () => step(1), k: () => step(-1) });
  const unknown = rows.flatMap(({ title, row }) => (row.nil || []).map((one) => unplaced(one, title, lang)));
  const some = sifted(rows, by);
  return html`<h1>${t("tryTitle")}</h1>
    <form class="card" onSubmit=${(e) => { e.preventDefault(); start(); }}>
      <label class="hint" for="titles">${t("tryHint")}</label>
      <textarea id="titles" rows=${Math.min(8, Math.max(2, text.split("\n").length))} value=${text} spellcheck=${false} autofocus
        onInput=${(e) => setText(e.target.value)} onKeyDown=${(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && !e.isComposing) { e.preventDefault(); start(); } }}></textarea>
      <div class="row"><${Act} needs="tag" kind="main" disabled=${!text.trim()}>${t("tagThem")}<//>
        <label class="quiet file">${t("file")}<input type="file" accept=".txt,.csv,.tsv,.jsonl" onChange=${open} /></label>
        ${total > 1 && html`<span class="muted" role="status">${t("progress", { done: rows.length, total })}</span>`}
        ${rows.length > 1 && rows.length === total && html`<button type="button" class="quiet" onClick=${save}>${t("download")}</button>
          ${unknown.length > 0 && html`<button type="button" class="quiet" onClick=${() => setNote(t("queuedMany", { count: queueNew(unknown) }))}>${t("queueAll")}</button>`}`}
      </div>
      ${note && html`<p class="note" role="status">${note} <a href="#/review?kind=new">${t("queue_new")}</a></p>`}
      <${Wrong} error=${wrong} />
    </form>
    ${rows.length > 1 && html`<p class="muted small">${t("manyKeys")}</p><${Sift} rows=${rows} by=${by} onChange=${(next) => { setBy(next); setShown(SHOWN); }} />
      ${some.length < rows.length && html`<p class="muted" role="status">${t("sifted", { count: some.length, of: rows.length })}</p>`}`}
    ${some.slice(0, shown).map(({ title, row, memory, number }) => html`<${Answer} key=${turn.current + "." + number} title=${title} row=${row} memory=${memory} lang=${lang} only=${rows.length === 1} />`)}
    ${some.length > shown && html`<button class="quiet" onClick=${() => setShown(shown + SHOWN)}>${t("more", { count: some.length - shown })}</button>`}
    ${!total && html`<${Empty}><p>${t("tryEmpty")}</p><ul>${EXAMPLES.map((title) => html`<li key=${title}><a href=${"#/try?" + new URLSearchParams({ title })}>${title}</a></li>`)}</ul><//>`}`;
}
