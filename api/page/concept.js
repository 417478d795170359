// The page of a concept: labels, relations, neighbours, items, history, and what can be done with it.

import { Act, ConceptLink, Copy, download, html, Kind, link, percent, useAnswer, useEffect, useState, useText, Wait, when } from "./ui.js";
import { AddBelow, Edit, hasDraft } from "./edit.js";
import { Retire } from "./retire.js";
import { get, path, raw } from "./api.js";

const RELATIONS = ["broader", "narrower", "values", "attributes", "related", "applies_to", "value_of", "excludes", "exact_match", "close_match", "replaced_by", "replaces"];

export function Concept({ id, lang }) {
  const t = useText();
  const state = useAnswer((signal) => get(path("concepts", id), { lang }, { signal }), [id, lang]);
  const [doing, setDoing] = useState("");
  useEffect(() => setDoing(hasDraft(id) ? "edit" : ""), [id]);
  useEffect(() => { if (state.answer) document.title = `${state.answer.label} · kgtag`; }, [state.answer]);
  return html`<${Wait} state=${state}>${(concept) => html`<article class="concept">
    <nav class="path" aria-label=${t("broader")}>${concept.path.slice(0, -1).map((one) => html`<span key=${one.concept}><${ConceptLink} id=${one.concept} label=${one.label} /> › </span>`)}</nav>
    <h1 class=${concept.status}>${concept.label} <${Kind} kind=${concept.kind} /> ${concept.status !== "active" && html`<span class="kind">${t(concept.status)}</span>`}</h1>
    <p class="muted small"><code>${concept.id}</code> · ${concept.scheme} ${concept.notation && html`· ${concept.notation}`}</p>
    ${doing === "edit" && html`<${Edit} concept=${concept} onCancel=${() => setDoing("")} onDone=${() => { setDoing(""); state.again(); }} />`}
    ${doing === "add" && html`<${AddBelow} concept=${concept} lang=${lang} onCancel=${() => setDoing("")} />`}
    ${doing === "retire" && html`<${Retire} concept=${concept} onCancel=${() => setDoing("")} onDone=${() => { setDoing(""); state.again(); }} onStale=${state.again} />`}
    <div class="row"><${Act} needs="edit propose" aria-expanded=${doing === "edit"} onClick=${() => setDoing(doing === "edit" ? "" : "edit")}>${t("edit")}<//>
      <${Act} needs="edit propose" aria-expanded=${doing === "add"} onClick=${() => setDoing(doing === "add" ? "" : "add")}>${t(concept.kind === "attribute" ? "addValue" : "addNarrower")}<//>
      ${concept.status !== "deprecated" && html`<${Act} needs="edit propose" aria-expanded=${doing === "retire"} onClick=${() => setDoing(doing === "retire" ? "" : "retire")}>${t("retire")}<//>`}<${Copy} label=${t("permalink")} text=${location.href} /><${Copy} label=${t("json")} text=${JSON.stringify(concept, null, 2)} />
      <button class="quiet" onClick=${() => saveTurtle(id)}>${t("turtle")}</button><a href=${link("graph", id)}>${t("graph")}</a><a href=${link("ask", "", { mode: "recommend", concept: id })}>${t("ask")}</a></div>
    <section><h2>${t("labels")}</h2><table><tbody>${languages(concept).map((tag) => html`<tr key=${tag}><th scope="row" lang="en">${tag}</th>
      <td lang=${tag}><b>${concept.pref_label[tag]}</b>
        ${concept.alt_label[tag] && html` <span class="muted">${t("alternative", { labels: concept.alt_label[tag].join(", ") })}</span>`}
        ${concept.hidden_label[tag] && html` <span class="muted">${t("hidden", { labels: concept.hidden_label[tag].join(", ") })}</span>`}
        ${concept.definition[tag] && html`<div>${concept.definition[tag]}</div>`}</td></tr>`)}</tbody></table></section>
    <section><h2>${t("relations")}</h2><dl>${RELATIONS.filter((type) => concept.relations[type]?.length).map((type) => html`<dt key=${type}>${t(type)}</dt>
      <dd>${concept.relations[type].map((one) => html`<${ConceptLink} key=${one.concept} id=${one.concept} label=${one.label} />`)}
        ${concept.counts[type] > concept.relations[type].length && html`<span class="muted">${t("more", { count: concept.counts[type] - concept.relations[type].length })}</span>`}</dd>`)}</dl></section>
    <${Neighbours} id=${id} lang=${lang} />
    <${Items} id=${id} />
    <${Past} id=${id} lang=${lang} />
  </article>`}<//>`;
}

async function saveTurtle(id) {
  const answer = await raw(path("concepts", id, "turtle"));
  download(await answer.blob(), `${id.replace(/[^\w.-]+/g, "-")}.ttl`);
}

const languages = (concept) => [...new Set([...Object.keys(concept.pref_label), ...Object.keys(concept.alt_label), ...Object.keys(concept.hidden_label), ...Object.keys(concept.definition)])].sort();

function Neighbours({ id, lang }) {
  const t = useText();
  const state = useAnswer((signal) => get(path("concepts", id, "neighbours"), { lang, limit: 40 }, { signal }), [id, lang]);
  return html`<section><h2>${t("neighbours")}</h2><${Wait} state=${state}>${(answer) => html`<div class="groups">${["taxonomy", "goes_with", "like_it", "facets"].map((group) => {
    const rows = answer.neighbours.filter((one) => one.group === group).slice(0, 12);
    return rows.length > 0 && html`<div key=${group}><h3>${t(group)}</h3><ul>${rows.map((one) => html`<li key=${one.concept}>
      <${ConceptLink} id=${one.concept} label=${one.label} /> <span class="muted small">${one.support || t(one.relation === "broader" && one.direction === "in" ? "narrower" : one.relation).toLowerCase()}</span> <span class="p">${percent(one.score)}</span></li>`)}</ul></div>`;
  })}</div>`}<//></section>`;
}

function Items({ id }) {
  const t = useText();
  const [pages, setPages] = useState([undefined]);
  useEffect(() => setPages([undefined]), [id]);
  return html`<section><h2>${t("items")}</h2><ul class="items">${pages.map((cursor, n) => html`<${ItemPage} key=${id + n} id=${id} cursor=${cursor}
    onMore=${n === pages.length - 1 ? (next) => setPages((all) => [...all, next]) : null} />`)}</ul></section>`;
}

function ItemPage({ id, cursor, onMore }) {
  const t = useText();
  const state = useAnswer(async (signal) => {
    const page = await get(path("concepts", id, "items"), { cursor, limit: 10 }, { signal });
    return { ...page, rows: await Promise.all(page.items.map((item) => get(path("items", item), {}, { signal }).catch(() => ({ id: item, title: "" })))) };
  }, [id, cursor]);
  return html`<${Wait} state=${state}>${(page) => html`${page.rows.map((item) => html`<li key=${item.id}><a href=${link("try", "", { title: item.title })}>${item.title || item.id}</a> <span class="muted small">${item.id}</span></li>`)}
    ${!page.rows.length && !cursor && html`<li class="muted">${t("noItems")}</li>`}
    ${page.next_cursor && onMore && html`<li><button class="quiet" onClick=${() => onMore(page.next_cursor)}>${t("more", { count: "" })}</button></li>`}`}<//>`;
}

// What changed this concept, newest first; asked for when it is opened.
function Past({ id, lang }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  return html`<details key=${id} onToggle=${(e) => setOpen(e.target.open)}><summary>${t("itsHistory")}</summary>${open && html`<${PastRows} id=${id} lang=${lang} />`}</details>`;
}

function PastRows({ id, lang }) {
  const t = useText();
  const [limit, setLimit] = useState(20);
  const state = useAnswer((signal) => get("v1/taxonomy/versions", { concept: id, limit }, { signal }), [id, limit]);
  return html`<${Wait} state=${state}>${(page) => html`<ul class="versions">${page.versions.map((row) => html`<li key=${row.version}>
      <a href=${link("history", String(row.version))} aria-label=${t("version", { version: row.version })}>#${row.version}</a>
      <div><div class="summary">${row.reason || row.summary}</div><span class="muted small">${when(row.at, lang)} · ${row.origin === "outside" ? t("outside") : t("byAuthor", { author: row.author })}${row.concepts?.includes(id) ? "" : ` · ${t("manyConcepts")}`}</span></div></li>`)}</ul>
    ${page.next_cursor && html`<button class="quiet" onClick=${() => setLimit(Math.min(200, limit * 3))}>${t("older")}</button>`}`}<//>`;
}
