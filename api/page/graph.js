// Graph: a drawing of a concept's neighbours that grows where it is asked to, paths between two, and the same as a list.

import { ConceptSearch, Empty, go, html, Kind, link, parseRoute, useAnswer, useEffect, useMemo, useRef, useStarts, useText, Wait, whyOf } from "./ui.js";
import { get, path } from "./api.js";
import { Drawing } from "./drawing.js";

const KINDS = ["category", "attribute", "value"];
export const RELATIONS = ["broader", "value_of", "applies_to", "related", "excludes", "exact_match", "close_match", "replaced_by", "sibling", "occurs_with", "similar"];
const EVIDENCE = ["asserted", "inferred", "cooccurrence", "embedding"];
const SIZES = [20, 60, 200];
const apart = "\n"; // No id has a line end in it.

// What a relation is, seen from one of its ends.
const SEEN = { broader: ["broader", "narrower"], value_of: ["attribute", "value"], applies_to: ["appliesTo", "attribute"], replaced_by: ["replaced_by", "replaces"] };
const seen = (edge, from) => (SEEN[edge.relation] ? SEEN[edge.relation][edge.source === from ? 0 : 1] : edge.relation);

// The rows of the answers as nodes and edges, each once. `from` is the node that brought another in: it is placed beside it.
function joined(centre, opened, ways) {
  const nodes = new Map(), edges = new Map();
  const add = (id, row) => nodes.set(id, { id, score: 0, ...row, ...nodes.get(id) });
  const connect = (relation, source, target, row) => {
    const name = [relation, ...(row.direction === "both" ? [source, target].sort() : [source, target])].join(apart);
    if (!edges.has(name)) edges.set(name, { id: "e" + apart + name, relation, source, target, ...row });
  };
  add(centre.id, { label: centre.label, kind: centre.kind, from: centre.id });
  ways.forEach((way, n) => way.concepts.forEach((one, i) => {
    add(one.concept, { label: one.label, kind: one.kind, from: centre.id, group: "path", step: i, way: n, last: way.concepts.length - 1 });
    nodes.get(one.concept).onPath = true;
    if (i) {
      const { type, source, target } = way.relations[i - 1];
      connect(type, source, target, { direction: "out", score: 1, evidence: [{ type: "asserted", score: 1 }] });
    }
  }));
  for (const { concept, rows } of opened) {
    add(concept.id, { label: concept.label, kind: concept.kind, from: centre.id });
    nodes.get(concept.id).open = true;
    for (const row of rows) {
      const group = row.direction === "in" && row.group === "taxonomy" && row.relation === "broader" ? "below" : row.group;
      add(row.concept, { label: row.label, kind: row.kind, from: concept.id, group, score: row.score });
      const ends = row.direction === "in" ? [row.concept, concept.id] : [concept.id, row.concept];
      connect(row.relation, ...ends, row);
    }
  }
  return { nodes, edges: [...edges.values()] };
}

// Asked once while the view is open: to expand one node asks for this node alone.
function useOnce() {
  const kept = useRef(new Map());
  return (address, query) => {
    const name = JSON.stringify([address, query]);
    if (!kept.current.has(name)) kept.current.set(name, get(address, query).catch((error) => { kept.current.delete(name); throw error; }));
    return kept.current.get(name);
  };
}

function useGraph(id, { open, to, relation, evidence, most }, lang) {
  const once = useOnce();
  return useAnswer(async () => {
    const opened = open.map(async (one) => {
      const concept = await once(path("concepts", one), { lang });
      const ask = async (kind, type) =>
        (await once(path("concepts", one, "neighbours"), { kind, relation: type, evidence, limit: most, lang })).neighbours.map((row) => ({ ...row, kind }));
      // Top concepts are neighbours only for who asks for broader ones.
      const rows = await Promise.all([...(relation ? [] : [ask(concept.kind, "broader")]), ...KINDS.map((kind) => ask(kind, relation))]);
      return { concept, rows: rows.flat().sort((a, b) => b.score - a.score) };
    });
    const asked = !to || RELATIONS.indexOf(relation) >= 8 ? { paths: [] } : once("v1/taxonomy/path", { from: id, to, relation, lang });
    const [centre, ways, ...rest] = await Promise.all([once(path("concepts", id), { lang }), asked, ...opened]);
    return { ...joined(centre, rest, ways.paths), ways: ways.paths, centre };
  }, [id, open.join(apart), to, relation, evidence, most, lang]);
}

function Canvas({ graph, centre, at, onSelect, onExpand }) {
  const t = useText();
  const box = useRef(null), drawing = useRef(null);
  const acts = useRef({});
  acts.current = { select: onSelect, expand: onExpand };
  useEffect(() => {
    drawing.current = new Drawing(box.current, { select: (id) => acts.current.select(id), expand: (id) => acts.current.expand(id) });
    return () => drawing.current.end();
  }, []);
  useEffect(() => drawing.current.show(graph, centre), [graph]);
  useEffect(() => drawing.current.mark(at), [at, graph]);
  const onKeyDown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (way) acts.current.select(drawing.current.next(at || centre, way));
    else if (event.key === "Enter" && at) onExpand(at);
    else if (event.key === "+" || event.key === "-") drawing.current.zoom(event.key === "+" ? 1.3 : 1 / 1.3);
    else if (event.key === "0") drawing.current.fit();
    else if (event.key === "Escape") onSelect("");
    else return;
    event.preventDefault();
  };
  return html`<div class="drawing">
    <div id="graph" ref=${box} tabindex="0" role="application" aria-label=${t("drawingOf", { count: graph.nodes.size, label: graph.centre.label })} onKeyDown=${onKeyDown}></div>
    <div class="zoom"><button class="quiet" aria-label=${t("zoomIn")} title=${t("zoomIn") + " (+)"} onClick=${() => drawing.current.zoom(1.3)}>+</button>
      <button class="quiet" aria-label=${t("zoomOut")} title=${t("zoomOut") + " (−)"} onClick=${() => drawing.current.zoom(1 / 1.3)}>−</button>
      <button class="quiet" title="0" onClick=${() => drawing.current.fit()}>${t("wholeDrawing")}</button></div>
  </div>`;
}

function Legend({ graph }) {
  const t = useText();
  const kinds = new Set([...graph.nodes.values()].map((one) => one.kind)), types = new Set(graph.edges.map((one) => one.relation));
  return html`<ul class="legend small">${KINDS.filter((kind) => kinds.has(kind)).map((kind) => html`<li key=${kind}><span class=${"dot " + kind}></span>${t(kind)}</li>`)}
    ${RELATIONS.filter((type) => types.has(type)).map((type) => html`<li key=${type}><span class=${"line " + type}></span>${t(type)}</li>`)}
    <li class="muted">${t("dashed")}</li></ul>`;
}

function Selected({ node, graph, nameOf, toggle, select, close }) {
  const t = useText();
  const edges = graph.edges.filter((edge) => edge.source === node.id || edge.target === node.id).sort((a, b) => b.score - a.score);
  return html`<section class="card selected" aria-live="polite">
    <div class="head"><h2 class="big">${node.label} <${Kind} kind=${node.kind} /></h2><button class="quiet" aria-label=${t("close")} onClick=${close}>✕</button></div>
    <div class="row tight"><button class="main" onClick=${() => toggle(node.id)}>${t(node.open ? "foldNode" : "openNode")}</button>
      <a href=${link("browse", node.id)}>${t("browse")}</a><a href=${link("graph", node.id)}>${t("fromHere")}</a><a href=${link("ask", "", { mode: "recommend", concept: node.id })}>${t("ask")}</a></div>
    ${edges.length > 0 && html`<h2>${t("whyLinked", { count: edges.length })}</h2><ul class="whys">${edges.slice(0, 60).map((edge) => {
      const other = edge.source === node.id ? edge.target : edge.source;
      return html`<li key=${edge.id}><span class="muted small">${t(seen(edge, node.id))}</span> <button class="quiet" onClick=${() => select(other)}>${nameOf(other)}</button> <span class="p" title=${t("score")}>${edge.score.toFixed(2)}</span>
        <div class="why">${edge.evidence.slice(0, 4).map((one) => whyOf(one, nameOf, t)).join(" · ")}</div></li>`;
    })}</ul>`}
  </section>`;
}

function Nodes({ graph, at, select, toggle }) {
  const t = useText();
  const rows = [...graph.nodes.values()];
  return html`<details open class="nodes"><summary>${t("inDrawing", { count: rows.length })}</summary>
    ${KINDS.map((kind) => { const some = rows.filter((one) => one.kind === kind).sort((a, b) => a.label.localeCompare(b.label)); return some.length > 0 && html`<div key=${kind}>
      <h2><span class=${"dot " + kind}></span>${t(kind)} <span class="muted">${some.length}</span></h2>
      <ul>${some.map((node) => html`<li key=${node.id}><button class=${"quiet" + (node.id === at ? " at" : "")} aria-pressed=${node.id === at} title=${node.id}
        onClick=${() => select(node.id)} onKeyDown=${(e) => { if (e.key === "Enter") { e.preventDefault(); toggle(node.id); } }}>${node.label}</button>${node.open ? html` <span class="muted small">${t("opened")}</span>` : ""}</li>`)}</ul></div>`; })}
  </details>`;
}

function Ways({ ways, id, to, nameOf }) {
  const t = useText();
  if (!ways.length) return html`<p class="muted" role="status">${t("noPath", { from: nameOf(id), to: nameOf(to) })}</p>`;
  return html`<section class="ways" role="status"><h2>${t("paths", { count: ways.length })}</h2><ol>${ways.map((way, n) => html`<li key=${n}>${way.concepts.map((one, i) => html`
    ${i > 0 && html`<span class="muted small"> → ${t(seen({ ...way.relations[i - 1], relation: way.relations[i - 1].type }, way.concepts[i - 1].concept))} </span>`}<a href=${link("browse", one.concept)}>${one.label}</a>`)}</li>`)}</ol></section>`;
}

const Centre = ({ label, autofocus }) => html`<${ConceptSearch} id="centre" label=${label} autofocus=${autofocus} onPick=${(row) => go("graph", row.concept)} />`;

function Page({ id, params, lang }) {
  const t = useText();
  const { to = "", relation = "", evidence = "", at = "" } = params;
  const most = SIZES.includes(Number(params.most)) ? Number(params.most) : SIZES[0];
  const open = params.open ? params.open.split(apart) : to ? [] : [id];
  const state = useGraph(id, { open, to, relation, evidence, most }, lang);
  const far = useAnswer(() => (to ? get(path("concepts", to), { lang }) : null), [to, lang]);
  // Two clicks may come sooner than the page is drawn anew.
  const change = (more, options) => go("graph", id, { ...parseRoute(location.hash).params, ...more }, options);
  const toggle = (one) => change({ at: one, open: (open.includes(one) ? open.filter((other) => other !== one) : [...open, one]).join(apart) });
  const select = (one) => change({ at: one }, { replace: true });
  const some = evidence ? evidence.split(",") : EVIDENCE;
  const tick = (type) => {
    const left = EVIDENCE.filter((one) => (one === type) !== some.includes(one));
    if (left.length) change({ evidence: left.length === EVIDENCE.length ? "" : left.join(",") });
  };
  const graph = state.answer;
  const nameOf = useMemo(() => (one) => graph?.nodes.get(one)?.label ?? (one === to ? far.answer?.label : undefined) ?? one, [graph, far.answer]);
  const node = graph?.nodes.get(at);
  return html`<h1>${graph ? html`${graph.centre.label} <${Kind} kind=${graph.centre.kind} />` : t("graphTitle")} <a class="small normal" href=${link("browse", id)}>${t("browse")}</a></h1>
    <div class="controls"><${Centre} label=${t("otherCentre")} />
      <${ConceptSearch} id="to" label=${t("pathTo")} onPick=${(row) => change({ to: row.concept, open: "" })} />
      ${to && html`<button class="quiet" onClick=${() => change({ to: "", open: "" })}>${t("noMorePath")} ✕</button>`}</div>
    <div class="controls">
      <label>${t("relation")} <select value=${relation} onChange=${(e) => change({ relation: e.target.value })}><option value="">${t("allRelations")}</option>
        ${RELATIONS.map((type) => html`<option key=${type} value=${type}>${t(type)}</option>`)}</select></label>
      <fieldset><legend>${t("evidence")}</legend>${EVIDENCE.map((type) => html`<label key=${type} title=${t(type + "Is")}><input type="checkbox" checked=${some.includes(type)} onChange=${() => tick(type)} />${t(type)}</label>`)}</fieldset>
      <label>${t("perNode")} <select value=${most} onChange=${(e) => change({ most: e.target.value })}>${SIZES.map((size) => html`<option key=${size} value=${size}>${size}</option>`)}</select></label>
    </div>
    ${state.error && html`<p class="wrong" role="alert">${state.error.message}</p>`}
    ${graph ? html`<div class="graph" aria-busy=${state.loading}>
        <div>
          ${to && html`<${Ways} ways=${graph.ways} id=${id} to=${to} nameOf=${nameOf} />`}
          <${Canvas} graph=${graph} centre=${id} at=${at} onSelect=${select} onExpand=${toggle} /><${Legend} graph=${graph} />
          ${graph.nodes.size === 1 && !to && html`<p class="muted" role="status">${t("alone")}</p>`}
          <p class="muted small">${t("graphHow")}</p></div>
        <aside>${node ? html`<${Selected} node=${node} graph=${graph} nameOf=${nameOf} toggle=${toggle} select=${select} close=${() => select("")} />` : html`<p class="muted">${t("chooseNode")}</p>`}
          <${Nodes} graph=${graph} at=${at} select=${select} toggle=${toggle} /></aside>
      </div>` : !state.error && html`<p class="muted" aria-busy="true">${t("loading")}</p>`}`;
}

function Start({ lang }) {
  const t = useText();
  const state = useStarts(lang);
  return html`<${Empty}><p>${t("graphEmpty")}</p><${Wait} state=${state}>${(level) => (level.nodes.length ? html`<ul class="chips">${level.nodes.map((one) => html`<li key=${one.concept}><a href=${link("graph", one.concept)}>${one.label}</a></li>`)}</ul>`
    : html`<p>${t("emptyTaxonomy")}</p>`)}<//><//>`;
}

export default function Graph({ route, lang }) {
  const t = useText();
  return route.arg ? html`<${Page} key=${route.arg} id=${route.arg} params=${route.params} lang=${lang} />` : html`<h1>${t("graphTitle")}</h1><div class="row tight"><${Centre} label=${t("findConcept")} autofocus=${true} /></div><${Start} lang=${lang} />`;
}
