// Review: three queues. Proposals, newest first, are decided by somebody else than their author: J and K move, A accepts,
// R rejects. What models doubt, and new concepts without a place, stand in modules of their own.

import { Act, ConceptLink, Empty, go, html, Key, link, useAnswer, useContext, useEffect, useKeys, useMay, useState, useText, Wait, when, Wrong } from "./ui.js";
import { call, get, path } from "./api.js";
import { Findings } from "./findings.js";
import { NewConcepts } from "./newcomers.js";

const STATUSES = ["open", "accepted", "rejected", "withdrawn"];
const shown = (value) => (value === undefined || value === null ? "" : typeof value !== "object" ? String(value) : Array.isArray(value) ? value.map(shown).join(", ")
  : Object.entries(value).map(([name, one]) => `${name}: ${shown(one)}`).join("; "));

// What goes and what comes, part by part: "en: Boots", each label of a list by itself.
function parts(value) {
  if (value === undefined || value === null || value === "") return [];
  if (typeof value !== "object") return [String(value)];
  return Object.entries(value).flatMap(([tag, one]) => (Array.isArray(one) ? one : [one]).map((text) => `${tag}: ${text}`));
}

// What a change does to a concept, field by field; `before` is the concept as it is now.
function Change({ change, before }) {
  const t = useText();
  const [type, row] = Object.entries(change)[0];
  if (type === "put_concept") {
    const names = ["pref_label", "alt_label", "hidden_label", "definition", "notation", "status", "choice", "kind"];
    const rows = names.map((name) => {
      const [old, now] = [parts(before?.[name]), parts(row[name] ?? (name === "status" ? "active" : undefined))];
      return [name, old.filter((one) => !now.includes(one)), now.filter((one) => !old.includes(one))];
    }).filter(([, gone, come]) => gone.length + come.length);
    return html`<li><${ConceptLink} id=${row.id} label=${before?.label || Object.values(row.pref_label)[0]} /> ${!before && html`<span class="kind">${t("isNew")}</span>`}
      <table class="diff"><tbody>${rows.map(([name, gone, come]) => html`<tr key=${name}><th scope="row">${t(name)}</th><td>${gone.map((one) => html`<del key=${one}>${one}</del>`)} ${come.map((one) => html`<ins key=${one}>${one}</ins>`)}</td></tr>`)}</tbody></table></li>`;
  }
  if (row.source) {
    const gone = type.startsWith("delete");
    return html`<li>${gone ? "− " : "+ "}<${ConceptLink} id=${row.source} label=${row.source} /> <span class="muted">${t(row.type || "relations")}</span> <${ConceptLink} id=${row.target} label=${row.target} /></li>`;
  }
  return html`<li>${type.replaceAll("_", " ")}: ${shown(row)}</li>`;
}

function Detail({ id, lang, onDecided }) {
  const t = useText();
  const may = useMay();
  const own = useContext(Key);
  const [comment, setComment] = useState("");
  const [wrong, setWrong] = useState("");
  const state = useAnswer(async (signal) => {
    const proposal = await get(path("proposals", id), {}, { signal });
    const ids = [...new Set(proposal.changes.map((one) => one.put_concept?.id).filter(Boolean))].slice(0, 30);
    const before = Object.fromEntries(await Promise.all(ids.map(async (one) => [one, await get(path("concepts", one), { lang }, { signal }).catch(() => undefined)])));
    return { proposal, before };
  }, [id, lang]);
  useEffect(() => { setComment(""); setWrong(""); }, [id]);
  const decide = async (verb) => {
    setWrong("");
   
    try {
      const { proposal } = state.answer;
      const body = verb === "comments" ? { text: comment } : { comment };
      await call(path("proposals", id, verb), { method: "POST", etag: proposal.etag, body });
      setComment("");
      state.again();
      if (verb !== "comments") onDecided(Number(id), verb);
    } catch (error) {
      setWrong(error.status === 412 ? t("changedLook") : error);
      if (error.status === 412) state.again();
    }
  };
  const mine = own && state.answer?.proposal.author === own.author;
  const open = state.answer?.proposal.status === "open";
  useKeys({ a: () => open && !mine && may("approve") && decide("accept"), r: () => open && !mine && may("approve") && decide("reject") });
  return html`<${Wait} state=${state}>${({ proposal, before }) => html`<article class="concept">
    <h1>${proposal.title}</h1>
    <p class="muted">#${proposal.id} · ${t(proposal.status)} · ${proposal.author} · ${when(proposal.created, lang)}</p>
    ${proposal.reason && html`<p>${proposal.reason}</p>`}
    ${proposal.outdated?.length > 0 && html`<p class="wrong">${t("outdated", { concepts: proposal.outdated.join(", ") })}</p>`}
    ${proposal.version && html`<p>${t("decidedBy", { who: proposal.decided_by, version: proposal.version })}</p>`}
    <section><h2>${t("changes")}</h2><ul class="changes">${proposal.changes.slice(0, 100).map((change, n) => html`<${Change} key=${n} change=${change} before=${before[change.put_concept?.id]} />`)}</ul></section>
    ${proposal.evidence && html`<section><h2>${t("evidence")}</h2><dl>${Object.entries(proposal.evidence).map(([name, value]) => html`<dt key=${name}>${name.replaceAll("_", " ")}</dt>
      <dd>${name === "near" && Array.isArray(value) ? value.map((one) => html`<${ConceptLink} key=${one} id=${one} label=${one} />`) : shown(value)}</dd>`)}</dl></section>`}
    ${proposal.comments.length > 0 && html`<section><h2>${t("comments")}</h2><ul>${proposal.comments.map((one, n) => html`<li key=${n}><b>${one.author}</b> <span class="muted small">${when(one.at, lang)}</span><div>${one.text}</div></li>`)}</ul></section>`}
    <label>${t("comment")}<textarea rows="2" value=${comment} onInput=${(e) => setComment(e.target.value)}></textarea></label>
    <div class="row">
      ${proposal.status === "open" && (mine ? html`<${Act} needs="propose" onClick=${() => decide("withdraw")}>${t("withdraw")}<//>
          ${proposal.outdated?.length > 0 && html`<${Act} needs="propose" onClick=${() => decide("rebase")}>${t("rebase")}<//>`}`
        : html`<${Act} needs="approve" kind="main" title="A" onClick=${() => decide("accept")}>${t("accept")}<//>
          <${Act} needs="approve" title="R" onClick=${() => decide("reject")}>${t("reject")}<//>`)}
      <${Act} needs="propose" disabled=${!comment.trim()} onClick=${() => decide("comments")}>${t("addComment")}<//>
    </div>
    ${open && mine && html`<p class="muted small">${t("ownProposal")}</p>`}
    <${Wrong} error=${wrong} />
  </article>`}<//>`;
}

function Proposals({ route, lang }) {
  const t = useText();
  const status = STATUSES.includes(route.params.status) ? route.params.status : "open";
  const [cursors, setCursors] = useState([undefined]);
  const state = useAnswer(async (signal) => {
    const pages = await Promise.all(cursors.map((cursor) => get("v1/proposals", { status, cursor, limit: 50 }, { signal })));
    return { rows: pages.flatMap((page) => page.proposals), next: pages.at(-1).next_cursor };
  }, [status, cursors]);
  useEffect(() => setCursors([undefined]), [status]);
  const rows = state.answer?.rows || [];
  const move = (by, from = Number(route.arg)) => {
    const at = rows.findIndex((one) => one.id === from);
    const next = rows[at < 0 ? 0 : at + by];
    if (next) go("review", String(next.id), { status: route.params.status });
  };
  useKeys({ j: () => move(1), k: () => move(-1) });
  // The next one takes the place of the one that was decided, which leaves the list.
  const [note, setNote] = useState("");
  const decided = (id, verb) => {
    setNote(t("decided", { id, status: t({ accept: "accepted", reject: "rejected", withdraw: "withdrawn" }[verb] || "open") }));
    move(1, id);
    state.again();
  };
  return html`<div class="browse">
    <aside><div class="row">${STATUSES.map((one) => html`<a key=${one} class="quiet" aria-current=${one === status ? "page" : undefined} href=${link("review", "", { status: one })}>${t(one)}</a>`)}</div>
      <p class="muted small">${t("reviewKeys")}</p><p class="note" role="status">${note}</p>
      <${Wait} state=${state}>${(answer) => html`<ul class="queue">${answer.rows.map((one) => html`<li key=${one.id} class=${String(one.id) === route.arg ? "chosen" : ""}>
        <a href=${link("review", String(one.id), { status: route.params.status })}>${one.title}</a><div class="muted small">#${one.id} · ${one.author} · ${when(one.created, lang)}</div></li>`)}</ul>
        ${!answer.rows.length && html`<${Empty}>${t(status === "open" ? "noProposals" : "noneOfThese")}<//>`}
        ${answer.next && html`<button class="quiet" onClick=${() => setCursors((all) => [...all, answer.next])}>${t("more", { count: "" })}</button>`}`}<//>
    </aside>
    <div>${route.arg ? html`<${Detail} id=${route.arg} lang=${lang} onDecided=${decided} />` : rows.length > 0 && html`<${Empty}>${t("chooseProposal")}<//>`}</div>
  </div>`;
}

const KINDS = { proposals: Proposals, findings: Findings, new: NewConcepts };

export default function Review({ route, lang }) {
  const t = useText();
  const kind = route.arg ? "proposals" : route.params.kind in KINDS ? route.params.kind : "proposals";
  return html`<h1>${t("review")}</h1>
    <nav class="tabs" aria-label=${t("queues")}>${Object.keys(KINDS).map((one) => html`<a key=${one} href=${link("review", "", { kind: one === "proposals" ? "" : one })} aria-current=${one === kind ? "page" : undefined}>${t("queue_" + one)}</a>`)}</nav>
    <${KINDS[kind]} route=${route} lang=${lang} />`;
}
