// History: versions newest first, one version as a difference, what it touches, and undo.

import { Act, ConceptLink, Copy, Empty, html, Kind, link, useAnswer, useEffect, useLabels, useRef, useState, useText, Wait, when, Wrong } from "./ui.js";
import { call, get, path } from "./api.js";

const AT_ONCE = 40;
const FIELDS = ["pref_label", "alt_label", "hidden_label", "definition", "notation", "status", "kind", "choice", "scheme"];


function Head({ row, lang }) {
  const t = useText();
  return html`<span class="muted small"><time datetime=${row.at} title=${row.at}>${when(row.at, lang)}</time> · ${row.origin === "outside" ? t("outside") : t("byAuthor", { author: row.author })}</span>
    ${row.release && html` <span class="kind added">${row.release}</span>`}`;
}

function Versions({ before, lang }) {
  const t = useText();
  const state = useAnswer((signal) => get("v1/taxonomy/versions", { cursor: before, limit: 25 }, { signal }), [before]);
  return html`<h1>${t("historyTitle")}</h1><${Wait} state=${state}>${(page) => html`
    ${!page.versions.length && html`<${Empty}><p>${t("historyEmpty")}</p><//>`}
    <ul class="versions card" aria-busy=${state.loading}>${page.versions.map((row) => html`<li key=${row.version}>
      <a href=${link("history", String(row.version))} aria-label=${t("version", { version: row.version })}>#${row.version}</a>
      <div><div class="summary">${row.reason || row.summary}</div>${row.reason && html`<div class="summary muted small">${row.summary}</div>`}<${Head} row=${row} lang=${lang} /></div>
      <span class="muted small">${t("changesCount", { count: row.changes })}</span></li>`)}</ul>
    <div class="row">${before && html`<a href=${link("history")}>← ${t("newer")}</a>`}${page.next_cursor && html`<a href=${link("history", "", { before: page.next_cursor })}>${t("older")} →</a>`}</div>`}<//>`;
}

// A field as rows of [name, before, after], a language at a time; lists of labels as what came and what went.
function rowsOf(field, before, after, t) {
  const [old, now] = [before?.[field], after?.[field]];
  if (JSON.stringify(old ?? null) === JSON.stringify(now ?? null)) return [];
  if (typeof (now ?? old) !== "object") return [[t(field), old, now]];
  return [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])].sort()
    .filter((lang) => JSON.stringify(old?.[lang]) !== JSON.stringify(now?.[lang]))
    .map((lang) => [`${t(field)} (${lang})`, old?.[lang], now?.[lang]]);
}

function Difference({ before, after }) {
  if (!Array.isArray(before ?? after)) return html`${before != null && before !== "" && html`<del>${before}</del> `}${after != null && after !== "" && html`<ins>${after}</ins>`}`;
  const [old, now] = [before ?? [], after ?? []];
  return html`${old.filter((one) => !now.includes(one)).map((one) => html`<del key=${one}>${one}</del> `)}${now.filter((one) => !old.includes(one)).map((one) => html`<ins key=${one}>${one}</ins> `)}`;
}

const whatOf = (change) => (change.before === null ? "added" : change.after === null ? "removed" : "changed");

function ConceptChange({ change }) {
  const t = useText();
  const what = whatOf(change);
  const fields = what === "changed" ? FIELDS : FIELDS.slice(0, 5);
  return html`<div class="change"><h3>${what === "removed" ? change.label : html`<${ConceptLink} id=${change.concept} label=${change.label} />`}${" "}<${Kind} kind=${(change.after ?? change.before).kind} /> <span class=${"kind " + what}>${t(what)}</span> <code class="muted small">${change.concept}</code></h3>
    <table class="diff"><tbody>${fields.flatMap((field) => rowsOf(field, change.before, change.after, t)).map(([name, old, now]) => html`<tr key=${name}><th scope="row">${name}</th><td><${Difference} before=${old} after=${now} /></td></tr>`)}</tbody></table></div>`;
}

function RelationChange({ change, nameOf }) {
  const t = useText();
  const { type, source, target } = change.relation;
  const what = whatOf(change);
  return html`<tr><td><${ConceptLink} id=${source} label=${nameOf(source)} /></td><td class="muted">${t(type)}</td><td><${ConceptLink} id=${target} label=${nameOf(target)} /></td>
    <td><span class=${"kind " + what}>${t(what)}</span> ${what === "changed" && html`${t("primary")}: <${Difference} before=${String(change.before.primary)} after=${String(change.after.primary)} />`}</td></tr>`;
}

function More({ rows, children }) {
  const t = useText();
  const [shown, show] = useState(AT_ONCE);
  return html`${children(rows.slice(0, shown))}${rows.length > shown && html`<button class="quiet" onClick=${() => show(shown + 5 * AT_ONCE)}>${t("more", { count: rows.length - shown })}</button>`}`;
}

function Relations({ rows, known, lang }) {
  const ids = rows.flatMap(({ relation }) => [relation.source, relation.target]).filter((id) => !known.has(id));
  const found = useLabels(ids, lang);
  return html`<table class="relations"><tbody>${rows.map((one) => html`<${RelationChange} key=${Object.values(one.relation).join("\n")} change=${one} nameOf=${(id) => known.get(id) ?? found(id)} />`)}</tbody></table>`;
}

function Changes({ row, lang }) {
  const t = useText();
  const concepts = row.changes.filter((one) => one.concept), relations = row.changes.filter((one) => one.relation), moves = row.changes.filter((one) => one.retag);
  const labelled = (one) => { const { pref_label: label } = one.after ?? one.before; return label[lang] ?? one.label; };
  const known = new Map(concepts.map((one) => [one.concept, labelled(one)]));
  const nameOf = useLabels(moves.slice(0, AT_ONCE).flatMap(({ retag }) => [retag.from, retag.to]), lang);
  if (!row.changes.length) return html`<p class="muted">${t("noChange")}</p>`;
  return html`
    ${concepts.length > 0 && html`<section class="card"><h2>${t("conceptsChanged", { count: concepts.length })}</h2><${More} rows=${concepts}>${(some) => some.map((one) => html`<${ConceptChange} key=${one.concept} change=${{ ...one, label: labelled(one) }} />`)}<//></section>`}
    ${relations.length > 0 && html`<section class="card"><h2>${t("relationsChanged", { count: relations.length })}</h2><${More} rows=${relations}>${(some) => html`<${Relations} rows=${some} known=${known} lang=${lang} />`}<//></section>`}
    ${moves.length > 0 && html`<section class="card"><h2>${t("tagsMoved", { count: moves.length })}</h2><${More} rows=${moves}>${(some) => html`<ul>${some.map(({ retag, surfaces }) => html`<li key=${retag.from + retag.to}>
      <${ConceptLink} id=${retag.from} label=${nameOf(retag.from)} /> → <${ConceptLink} id=${retag.to} label=${nameOf(retag.to)} /> ${surfaces && html`<span class="muted">${surfaces.join(", ")}</span>`}</li>`)}</ul>`}<//></section>`}`;
}

function Impact({ version, lang, turn }) {
  const t = useText();
  const state = useAnswer((signal) => get(path("taxonomy", "versions", version, "impact"), { lang, limit: 12 }, { signal }), [version, lang, turn]);
  return html`<section class="card"><h2>${t("touches")}</h2><${Wait} state=${state}>${(row) => html`<p>${t("touchesItems", { concepts: row.total, items: row.items })}</p>
    <ul class="chips">${row.concepts.map((one) => html`<li key=${one.concept}><${ConceptLink} id=${one.concept} label=${one.label} />${one.items > 0 && html`<span class="p" title=${t("items")}>${one.items}</span>`} <a class="small muted" href=${link("graph", one.concept)}>${t("graph")}</a></li>`)}</ul>`}<//></section>`;
}

function Undo({ version, count, onDone }) {
  const t = useText();
  const dialog = useRef(null);
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const undo = async (event) => {
    event.preventDefault();
    setBusy(true);
    try { onDone(await call(path("taxonomy", "versions", version, "undo"), { method: "POST", body: { reason } })); dialog.current?.close(); }
    catch (error) { setWrong(error); }
    finally { setBusy(false); }
  };
  return html`<${Act} needs="edit" kind="quiet wrong" onClick=${() => { setWrong(""); dialog.current.showModal(); }}>${t("undo")}<//>
    <dialog ref=${dialog} aria-labelledby="undo-sure"><form onSubmit=${undo}><p id="undo-sure">${t("undoSure", { version, count })}</p>
      <label for="undo-reason">${t("reason")}</label><input id="undo-reason" maxlength="2000" value=${reason} onInput=${(e) => setReason(e.target.value)} />
      <${Wrong} error=${wrong} />
      <div class="row"><button class="main" disabled=${busy}>${t("undoYes")}</button><button type="button" class="quiet" onClick=${() => dialog.current.close()}>${t("cancel")}</button></div></form></dialog>`;
}

function Version({ version, lang }) {
  const t = useText();
  const [done, setDone] = useState(null);
  useEffect(() => setDone(null), [version]);
  const state = useAnswer((signal) => get(path("taxonomy", "versions", version), {}, { signal }), [version]);
  return html`<nav class="path"><a href=${link("history")}>${t("allVersions")}</a></nav>
    <${Wait} state=${state}>${(row) => html`<h1>${t("version", { version: row.version })} ${row.release && html`<span class="kind added">${row.release}</span>`}</h1>
      ${row.reason && html`<p>${row.reason}</p>`}<p><${Head} row=${{ ...row, release: null }} lang=${lang} /> <code class="muted small" title="revision">${row.revision}</code></p>
      <div class="row tight">${row.version > 1 && html`<a href=${link("history", String(row.version - 1))}>← #${row.version - 1}</a>`}
        <${Copy} label=${t("permalink")} text=${location.href} /><${Copy} label=${t("json")} text=${JSON.stringify(row, null, 2)} />
        ${row.changes.length > 0 && !done && html`<${Undo} version=${row.version} count=${row.changes.length} onDone=${setDone} />`}</div>
      ${done && html`<p class="note" role="status">${t("undone", { version: done.undone })} <a href=${link("history", String(done.version))}>${t("seeVersion", { version: done.version })}</a></p>`}
      <${Impact} version=${version} lang=${lang} turn=${done} /><${Changes} row=${row} lang=${lang} />`}<//>`;
}

export default function History({ route, lang }) {
  return route.arg ? html`<${Version} key=${route.arg} version=${route.arg} lang=${lang} />` : html`<${Versions} before=${route.params.before} lang=${lang} />`;
}
