// Audit: what is wrong in the taxonomy, by check and severity, with safe repairs as a proposal.

import { Act, ConceptLink, Copy, Empty, go, html, link, useAnswer, useLabels, useState, useText, Wait, Wrong } from "./ui.js";
import { call, get } from "./api.js";
import { CHECKS } from "./chinese.js";

const SEVERITIES = ["error", "warning", "info"];
const BY_HAND = ["redundant_broader", "implausible_broader", "implausible_tag"];

const nameOfCheck = (name, lang) => (lang === "zh" && CHECKS[name]?.[0]) || name.replaceAll("_", " ");

function Checks({ checks, chosen, severity, lang }) {
  const t = useText();
  const found = checks.filter((one) => one.count > 0).sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.count - a.count);
  const most = Math.max(1, ...found.map((one) => one.count));
  return html`<ul class="checks" aria-label=${t("checks")}>${found.map((one) => html`<li key=${one.name} class=${one.name === chosen ? "chosen" : ""}>
      <a href=${link("audit", "", { check: one.name === chosen ? "" : one.name, severity })}><span class=${"dot " + one.severity}></span>${nameOfCheck(one.name, lang)}</a>
      <span class="bar-line"><meter min="0" max=${most} value=${one.count} aria-label=${String(one.count)}></meter></span><span class="p">${one.count}</span></li>`)}</ul>
    <p class="muted small">${t("checksClean", { count: checks.filter((one) => !one.count).length })}</p>`;
}

// Repairs that need no decision, looked at before they are proposed. Which of two parents goes is a decision.
function Fixes({ checks }) {
  const t = useText();
  const [wrong, setWrong] = useState("");
  const state = useAnswer((signal) => (checks.length ? get("v1/audit/fixes", { check: checks }, { signal }) : { changes: [] }), [checks.join()]);
  const propose = async ({ title, reason, changes }) => {
    try { go("review", String((await call("v1/proposals", { method: "POST", body: { title, reason, changes } })).id)); } catch (error) { setWrong(error); }
  };
  return html`<${Wait} state=${state}>${(found) => found.changes.length > 0 && html`<div class="card"><details><summary>${t("safeRepairs", { count: found.fixed.length })}</summary>
    <ul class="small">${found.fixed.slice(0, 200).map((one, n) => html`<li key=${n} lang="en">${one.message}${one.repair && html` <b>→ ${one.repair.words}</b>`}</li>`)}</ul>
    <div class="row"><${Act} needs="propose" kind="main" onClick=${() => propose(found)}>${t("proposeRepairs")}<//></div></details><${Wrong} error=${wrong} /></div>`}<//>`;
}

// Both parents of a concept that has one above the other: the editor says which of the two goes.
function Parents({ finding, lang }) {
  const t = useText();
  const [concept, high] = finding.concepts;
  const low = finding.evidence.via;
  const nameOf = useLabels([concept, high, low], lang);
  const [wrong, setWrong] = useState("");
  const [note, setNote] = useState("");
  const propose = async (target) => {
    try { setNote(t("proposed", { id: (await call("v1/proposals", { method: "POST", body: { operation: "unrelate", type: "broader", source: concept, target, reason: finding.message } })).id })); } catch (error) { setWrong(error); }
  };
  return html`<div class="small"><p class="path">${nameOf(high)} › ${nameOf(low)} › ${nameOf(concept)} · ${nameOf(high)} › ${nameOf(concept)}</p>
    ${note ? html`<span class="note" role="status">${note}</span>` : html`<div class="row tight">${[[low, high], [high, low]].map(([stays, goes]) => html`<${Act} key=${goes} needs="propose" onClick=${() => propose(goes)}>${t("keepParent", { stays: nameOf(stays), goes: nameOf(goes) })}<//>`)}</div>`}
    <${Wrong} error=${wrong} /></div>`;
}

function Finding({ finding, lang }) {
  const t = useText();
  const better = finding.evidence?.better || [];
  return html`<li><span class=${"dot " + finding.severity} title=${finding.severity}></span><div>${lang === "zh" && CHECKS[finding.check] ? html`<div>${CHECKS[finding.check][1]}</div><div class="small muted" lang="en">${finding.message}</div>` : html`<div>${finding.message}</div>`}
    <div class="small row">${finding.concepts.slice(0, 6).map((id) => html`<${ConceptLink} key=${id} id=${id} label=${id} />`)}
      ${finding.item && html`<span class="muted">${t("item")} ${finding.item}</span>`}
      ${better.length > 0 && html`<span>${t("better")} ${better.slice(0, 3).map((id) => html`<${ConceptLink} key=${id} id=${id} label=${id} /> `)}</span>`}
      <span class="muted">${nameOfCheck(finding.check, lang)}</span></div>
    ${finding.check === "redundant_broader" && html`<${Parents} finding=${finding} lang=${lang} />`}</div></li>`;
}

export default function Audit({ route, lang }) {
  const t = useText();
  const { check, severity } = route.params;
  const [limit, setLimit] = useState(100);
  const state = useAnswer((signal) => get("v1/audit", { check, severity, limit }, { signal }), [check, severity, limit]);
  return html`<h1>${t("audit")}</h1><${Wait} state=${state}>${(report) => html`<div class="browse">
    <aside><div class="row">${["", "error", "warning"].map((one) => html`<a key=${one} class="quiet" aria-current=${(severity || "") === one ? "page" : undefined} href=${link("audit", "", { check, severity: one })}>${t(one || "all")}</a>`)}</div>
      <${Checks} checks=${report.checks.filter((one) => !severity || SEVERITIES.indexOf(one.severity) <= SEVERITIES.indexOf(severity))} chosen=${check} severity=${severity} lang=${lang} /></aside>
    <div><${Fixes} checks=${report.checks.filter((one) => one.count && !BY_HAND.includes(one.name)).map((one) => one.name)} />
      <p class="muted" role="status">${t("findings", { count: report.total })} <${Copy} label=${t("json")} text=${JSON.stringify(report, null, 2)} /></p>
      ${report.total ? html`<ul class="findings">${report.findings.map((one, n) => html`<${Finding} key=${n} finding=${one} lang=${lang} />`)}</ul>` : html`<${Empty}>${t("noFindings")}<//>`}
      ${report.total > report.findings.length && html`<button class="quiet" onClick=${() => setLimit(limit * 4)}>${t("more", { count: report.total - report.findings.length })}</button>`}
    </div></div>`}<//>`;
}
