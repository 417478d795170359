// Ask: what a search query means, and what goes with concepts, an item or a title.

import { ConceptLink, ConceptSearch, Copy, Empty, go, html, Kind, link, percent, Probability, Score, useAnswer, useEffect, useLabels, useStarts, useState, useText, Wait, whyOf } from "./ui.js";
import { get } from "./api.js";
import { Marked } from "./marked.js";

const QUERIES = ["red running shoes not leather under 50", "waterproof hiking backpack 40 l", "男士 皮鞋 黑色 500元以下"];
const apart = "\n"; // No id has a line end in it.

// An answer with the milliseconds from asking to having it.
async function timed(asked) {
  const start = performance.now();
  return { ...(await asked), ms: Math.round(performance.now() - start) };
}

const Took = ({ ms }) => {
  const t = useText();
  return html`<span class="p">${t("tookMs", { ms })}</span>`;
};

const Unsure = ({ p }) => {
  const t = useText();
  return p < 0.5 && html`<span class="kind removed">${t("unsure")}</span>`;
};

function bounds(amount, t) {
  const with_ = (value) => [value, amount.unit].filter((one) => one !== undefined).join(" ");
  const { gte, lte } = amount;
  if (gte !== undefined && gte === lte) return with_(gte);
  const parts = [gte !== undefined && t("atLeast", { value: with_(gte) }), lte !== undefined && t("atMost", { value: with_(lte) })].filter(Boolean);
  return parts.length ? parts.join(", ") : amount.text ?? "";
}

function Spans({ answer }) {
  const t = useText();
  if (!answer.spans.length) return html`<p class="muted">${t("nothingFound")}</p>`;
  return html`<ul class="results">${answer.spans.map((span) => html`<li key=${span.start}>
    <div class="head"><b>“${span.surface}”</b> <span class="kind">${t(span.negated ? "excluded" : span.type)}</span></div>
    ${span.amount && html`<div>${t("bounds")}: ${bounds(span.amount, t)}</div>`}
    ${span.concepts.map((one) => html`<div key=${one.concept} class="head"><span><${ConceptLink} id=${one.concept} label=${one.label} /> <a class="small muted" href=${link("graph", one.concept)}>${t("graph")}</a> <${Unsure} p=${one.probability} /></span><${Probability} value=${one.probability} /></div>`)}
  </li>`)}</ul>`;
}

function Expansions({ rows, nameOf }) {
  const t = useText();
  if (!rows.length) return html`<p class="muted">${t("noExpansions")}</p>`;
  const names = { synonym: "synonym", translation: "translation", narrower: "narrowerOnes", close: "closeOnes" };
  const concepts = [...new Set(rows.map((one) => one.concept))];
  return concepts.map((concept) => html`<div key=${concept}><h3><${ConceptLink} id=${concept} label=${nameOf(concept)} /></h3><dl>${[...new Set(rows.map((one) => one.why))].map((why) => {
    const some = rows.filter((one) => one.concept === concept && one.why === why);
    return some.length > 0 && html`<dt key=${why}>${t(names[why] ?? why)}</dt><dd>${some.map((one) => html`<span key=${one.text}>${one.text} <span class="p">× ${one.weight.toFixed(2)}</span></span>`)}</dd>`;
  })}</dl></div>`);
}

function Facets({ facets, query }) {
  const t = useText();
  const counted = facets.some((facet) => facet.values.some((one) => one.count));
  const some = facets.map((facet) => ({ ...facet, values: facet.values.filter((one) => one.count || !counted) })).filter((facet) => facet.values.length);
  return html`<dl>${some.map((facet) => html`<dt key=${facet.attribute}><${ConceptLink} id=${facet.attribute} label=${facet.label} /></dt>
    <dd>${facet.values.slice(0, 8).map((one) => html`<span key=${one.concept}><a href=${link("ask", "", { q: `${query} ${one.label}` })} title=${t("addToQuery", { label: one.label })}>${one.label}</a> ${counted && html`<span class="p">${one.count}</span>`}</span>`)}</dd>`)}</dl>`;
}

function Query({ q, lang }) {
  const t = useText();
  const state = useAnswer((signal) => timed(get("v1/search/query", { q, lang }, { signal })), [q, lang]);
  return html`<${Wait} state=${state}>${(answer) => {
    const names = new Map(answer.spans.flatMap((span) => span.concepts.map((one) => [one.concept, one.label])));
    const body = JSON.stringify(answer.elasticsearch, null, 2);
    const spans = answer.spans.map((one) => ({ span: [one.start, one.end], kind: one.negated ? "negated" : one.concepts.length ? one.type : "amount", title: one.concepts[0]?.label ?? t(one.type) }));
    const excluded = answer.spans.filter((one) => one.negated);
    return html`<article class="card" aria-busy=${state.loading}>
      <div class="head"><${Marked} text=${answer.query} spans=${spans} /><${Took} ms=${answer.ms} /></div>
      <dl><dt>${t("lookedFor")}</dt><dd>${answer.category ? html`<span><${ConceptLink} id=${answer.category.concept} label=${answer.category.label} /> <span class="p">${percent(answer.category.probability)}</span> <${Unsure} p=${answer.category.probability} /></span>` : html`<span class="muted">${t("noCategory")}</span>`}</dd>
        ${answer.remainder && html`<dt>${t("remainder")}</dt><dd>“${answer.remainder}”</dd>`}
        ${excluded.length > 0 && html`<dt>${t("excluded")}</dt><dd>${excluded.map((one) => html`<span key=${one.start}>${one.concepts[0]?.label ?? one.surface}</span>`)}</dd>`}</dl>
      <div class="two"><section><h2>${t("found")}</h2><${Spans} answer=${answer} /></section>
        <section><h2>${t("expansions")}</h2><${Expansions} rows=${answer.expansions} nameOf=${(id) => names.get(id) ?? id} /></section></div>
      ${answer.facets.length > 0 && html`<section><h2>${t("facetsTitle")}</h2><${Facets} facets=${answer.facets} query=${answer.query} /></section>`}
      <details><summary>${t("elasticsearch")}</summary><div class="row"><${Copy} label=${t("copy")} text=${body} /></div><pre class="code" tabindex="0">${body}</pre></details>
    </article>`;
  }}<//>`;
}

function Asked({ q, lang }) {
  const t = useText();
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  return html`<form class="card" onSubmit=${(e) => { e.preventDefault(); go("ask", "", { q: text.trim() }); }}>
      <label class="hint" for="query">${t("queryHint")}</label>
      <div class="row tight"><input id="query" type="search" maxlength="300" autocomplete="off" spellcheck=${false} autofocus value=${text} onInput=${(e) => setText(e.target.value)} />
        <button class="main" disabled=${!text.trim()}>${t("parse")}</button></div></form>
    ${q ? html`<${Query} q=${q} lang=${lang} />` : html`<${Empty}><p>${t("queryEmpty")}</p><ul>${QUERIES.map((one) => html`<li key=${one}><a href=${link("ask", "", { q: one })}>${one}</a></li>`)}</ul><//>`}`;
}

function Evidence({ row, given, nameOf }) {
  const t = useText();
  const told = row.evidence.filter((one) => !(one.type === "cooccurrence" && one.path?.length === 2 && given.includes(one.path[0]) && row.evidence[0] !== one));
  const parts = told.slice(0, 3).map((one) => whyOf(one, nameOf, t));
  return html`<div class="why">${[...new Set(parts)].join(" · ")}</div>`;
}

function Concepts({ asked, lang }) {
  const t = useText();
  const state = useAnswer((signal) => timed(get("v1/recommend/concepts", { ...asked, lang, limit: 20 }, { signal })), [JSON.stringify(asked), lang]);
  const rows = state.answer?.concepts ?? [];
  const nameOf = useLabels([...(state.answer?.given ?? []), ...rows.flatMap((row) => row.evidence.slice(0, 3).flatMap((one) => one.path ?? []))], lang);
  return html`<section><h2>${t("conceptsFor")} ${state.answer && html`<${Took} ms=${state.answer.ms} />`}</h2>
    <${Wait} state=${state}>${(answer) => html`${(asked.item || asked.text) && answer.given.length > 0 && html`<p class="small muted">${t("tags")}: ${answer.given.map((id, n) => html`${n > 0 && ", "}<${ConceptLink} key=${id} id=${id} label=${nameOf(id)} />`)}</p>`}
      ${!answer.concepts.length && html`<p class="muted">${t("nothingFits")}</p>`}
      <ul class="results" aria-busy=${state.loading}>${answer.concepts.map((row) => html`<li key=${row.concept}>
        <div class="head"><span><${ConceptLink} id=${row.concept} label=${row.label} /> <span class="muted small">${t(row.group)}</span> <a class="small muted" href=${link("graph", answer.given[0] ?? row.concept, { at: row.concept })}>${t("graph")}</a></span><${Score} value=${row.score} /></div>
        <${Evidence} row=${row} given=${answer.given} nameOf=${nameOf} /></li>`)}</ul>`}<//></section>`;
}

function ItemRows({ asked, lang }) {
  const t = useText();
  const state = useAnswer((signal) => timed(get("v1/recommend/items", { ...asked, lang, limit: 20 }, { signal })), [JSON.stringify(asked), lang]);
  return html`<section><h2>${t("itemsFor")} ${state.answer && html`<${Took} ms=${state.answer.ms} />`}</h2>
    <${Wait} state=${state}>${(answer) => html`${!answer.items.length && html`<p class="muted">${t("nothingFits")}</p>`}
      <ul class="results" aria-busy=${state.loading}>${answer.items.map((row) => html`<li key=${row.item}>
        <div class="head"><span><a href=${link("try", "", { title: row.title })}>${row.title || row.item}</a> <a class="small muted" href=${link("ask", "", { mode: "recommend", item: row.item })}>${row.item}</a></span><${Score} value=${row.score} /></div>
        <div class="why">${row.why}${row.behaviour !== undefined && html` · ${t("chosenByOthers", { share: percent(row.behaviour) })}`}</div></li>`)}</ul>`}<//></section>`;
}

function Recommend({ params, lang }) {
  const t = useText();
  const concepts = params.concept ? params.concept.split(apart) : [];
  const [item, setItem] = useState(params.item || "");
  const [text, setText] = useState(params.text || "");
  useEffect(() => { setItem(params.item || ""); setText(params.text || ""); }, [params.item, params.text]);
  const nameOf = useLabels(concepts, lang);
  const start = (more) => go("ask", "", { mode: "recommend", concept: concepts.join(apart), item: item.trim(), text: text.trim(), ...more });
  const asked = { concept: concepts, item: params.item, text: params.text };
  const any = concepts.length || params.item || params.text;
  const starts = useStarts(lang);
  return html`<form class="card" onSubmit=${(e) => { e.preventDefault(); start(); }}>
      <p class="hint">${t("recommendHint")}</p>
      ${concepts.length > 0 && html`<ul class="chips row tight">${concepts.map((id) => html`<li key=${id}><${ConceptLink} id=${id} label=${nameOf(id)} /> <button type="button" class="quiet" aria-label=${t("remove", { label: nameOf(id) })} onClick=${() => start({ concept: concepts.filter((one) => one !== id).join(apart) })}>✕</button></li>`)}</ul>`}
      <div class="row tight"><${ConceptSearch} id="given" label=${t("addConcept")} onPick=${(row) => start({ concept: [...new Set([...concepts, row.concept])].join(apart) })} />
        <input aria-label=${t("itemId")} placeholder=${t("itemId")} value=${item} onInput=${(e) => setItem(e.target.value)} />
        <input aria-label=${t("aText")} placeholder=${t("aText")} value=${text} onInput=${(e) => setText(e.target.value)} />
        <button class="main">${t("recommend")}</button></div></form>
    ${any ? html`<div class="card two"><${Concepts} asked=${asked} lang=${lang} /><${ItemRows} asked=${asked} lang=${lang} /></div>`
      : html`<${Empty}><p>${t("recommendEmpty")}</p><${Wait} state=${starts}>${(level) => html`<ul class="chips">${level.nodes.map((one) => html`<li key=${one.concept}><a href=${link("ask", "", { mode: "recommend", concept: one.concept })}>${one.label}</a></li>`)}</ul>`}<//><//>`}`;
}

export default function Ask({ route, lang }) {
  const t = useText();
  const recommend = route.params.mode === "recommend";
  return html`<h1>${t("askTitle")}</h1>
    <nav class="tabs" aria-label=${t("askTitle")}><a href=${link("ask")} aria-current=${recommend ? undefined : "page"}>${t("askQuery")}</a><a href=${link("ask", "", { mode: "recommend" })} aria-current=${recommend ? "page" : undefined}>${t("askRecommend")}</a></nav>
    ${recommend ? html`<${Recommend} params=${route.params} lang=${lang} />` : html`<${Asked} q=${route.params.q || ""} lang=${lang} />`}`;
}
