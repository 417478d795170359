// Browse: a tree that loads as it opens, search, and a page for each concept.

import { ConceptLink, ConceptSearch, Copy, createContext, download, Empty, go, html, Kind, link, percent, useAnswer, useContext, useEffect, useState, useText, Wait } from "./ui.js";
import { AddBelow, Edit, hasDraft } from "./edit.js";
import { get, path, raw } from "./api.js";

const Open = createContext(new Set());

function Node({ node, lang, chosen, level }) {
  const t = useText();
  const above = useContext(Open);
  const [open, setOpen] = useState(above.has(node.concept));
  useEffect(() => { if (above.has(node.concept)) setOpen(true); }, [above]);
  return html`<li role="treeitem" aria-expanded=${node.children ? open : undefined} aria-selected=${node.concept === chosen} aria-level=${level}>
    <div class=${"node" + (node.concept === chosen ? " chosen" : "")}>
      ${node.children ? html`<button class="twist" aria-label=${t(open ? "collapse" : "expand", { label: node.label })} onClick=${() => setOpen(!open)}>${open ? "▾" : "▸"}</button>` : html`<span class="twist"></span>`}
      <a href=${link("browse", node.concept)} class=${node.status}>${node.label}</a>
      ${node.items > 0 && html`<span class="muted small" title=${t("items")}>${node.items}</span>`}
    </div>
    ${open && node.children > 0 && html`<${Level} parent=${node.concept} lang=${lang} chosen=${chosen} level=${level + 1} />`}
  </li>`;
}

function Level({ parent, kind, lang, chosen, level }) {
  const t = useText();
  const [more, setMore] = useState([]);
  const [next, setNext] = useState(null);
  const state = useAnswer((signal) => get("v1/taxonomy/tree", { parent, kind, lang, limit: 200 }, { signal }), [parent, kind, lang]);
  useEffect(() => { setMore([]); setNext(state.answer?.next_cursor ?? null); }, [state.answer]);
  const load = async () => {
    const page = await get("v1/taxonomy/tree", { parent, kind, lang, limit: 200, cursor: next });
    setMore((all) => [...all, ...page.nodes]);
    setNext(page.next_cursor);
  };
  return html`<${Wait} state=${state}>${(answer) => html`<ul role=${level === 1 ? "tree" : "group"} aria-label=${level === 1 ? t(kind === "attribute" ? "attributes" : "categories") : undefined}>
    ${[...answer.nodes, ...more].map((node) => html`<${Node} key=${node.concept} node=${node} lang=${lang} chosen=${chosen} level=${level} />`)}
    ${next !== null && html`<li role="none"><button class="quiet" onClick=${load}>${t("more", { count: answer.total - answer.nodes.length - more.length })}</button></li>`}
  </ul>`}<//>`;
}

function Tree({ lang, chosen, above }) {
  const t = useText();
  const size = useAnswer((signal) => get("v1/taxonomy", {}, { signal }), []);
  const count = (kind) => Object.values(size.answer?.schemes ?? {}).reduce((sum, kinds) => sum + (kinds[kind] || 0), 0);
  return html`<${Open.Provider} value=${above}><div class="tree">
    ${size.answer && !size.answer.concepts && html`<${Empty}>${t("emptyTaxonomy")}<//>`}
    ${["category", "attribute"].map((kind) => count(kind) > 0 && html`<details open key=${kind}><summary>${t(kind === "category" ? "categories" : "attributes")} <span class="muted small">${count(kind)}</span></summary>
      <${Level} kind=${kind} lang=${lang} chosen=${chosen} level=${1} /></details>`)}
  </div><//>`;
}

const RELATIONS = ["broader", "narrower", "related", "applies_to", "value_of", "excludes", "exact_match", "close_match", "replaced_by"];

function Concept({ id, lang }) {
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
    <div class="row"><button class="quiet" onClick=${() => setDoing(doing === "edit" ? "" : "edit")}>${t("edit")}</button>
      <button class="quiet" onClick=${() => setDoing(doing === "add" ? "" : "add")}>${t(concept.kind === "attribute" ? "addValue" : "addNarrower")}</button><${Copy} label=${t("permalink")} text=${location.href} /><${Copy} label=${t("json")} text=${JSON.stringify(concept, null, 2)} />
      <button class="quiet" onClick=${() => saveTurtle(id)}>${t("turtle")}</button><a href=${link("graph", id)}>${t("graph")}</a><a href=${link("ask", "", { mode: "recommend", concept: id })}>${t("ask")}</a></div>
    <section><h2>${t("labels")}</h2><table><tbody>${languages(concept).map((tag) => html`<tr key=${tag}><th scope="row" lang="en">${tag}</th>
      <td lang=${tag}><b>${concept.pref_label[tag]}</b>
        ${concept.alt_label[tag] && html` <span class="muted">${t("alternative", { labels: concept.alt_label[tag].join(", ") })}</span>`}
        ${concept.hidden_label[tag] && html` <span class="muted">${t("hidden", { labels: concept.hidden_label[tag].join(", ") })}</span>`}
        ${concept.definition[tag] && html`<div>${concept.definition[tag]}</div>`}</td></tr>`)}</tbody></table></section>
    <section><h2>${t("relations")}</h2><dl>${RELATIONS.filter((type) => concept.relations[type]?.length).map((type) => html`<dt key=${type}>${t(type)}</dt>
      <dd>${concept.relations[type].map((one) => html`<${ConceptLink} key=${one.concept} id=${one.concept} label=${one.label} />`)}
        ${type === "narrower" && concept.counts.narrower > concept.relations[type].length && html`<span class="muted">${t("more", { count: concept.counts.narrower - concept.relations[type].length })}</span>`}</dd>`)}</dl></section>
    <${Neighbours} id=${id} lang=${lang} />
    <${Items} id=${id} />
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

export default function Browse({ route, lang }) {
  const t = useText();
  const [above, setAbove] = useState(new Set());
  useEffect(() => {
    if (!route.arg) return;
    get(path("concepts", route.arg), { lang }).then(
      (concept) => setAbove(new Set([...concept.path.map((one) => one.concept), ...(concept.relations.value_of || []).map((one) => one.concept)].filter((id) => id !== route.arg))),
      () => setAbove(new Set()),
    );
  }, [route.arg]);
  return html`<div class="browse">
    <aside><${ConceptSearch} label=${t("findConcept")} onPick=${(row) => go("browse", row.concept)} /><${Tree} lang=${lang} chosen=${route.arg} above=${above} /></aside>
    <div>${route.arg ? html`<${Concept} id=${route.arg} lang=${lang} />` : html`<${Empty}><p>${t("browseEmpty")}</p><//>`}</div>
  </div>`;
}
