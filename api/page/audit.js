// Audit: what is wrong in the taxonomy, by check and severity, with safe repairs as a proposal.

import { ConceptLink, Copy, Empty, go, html, link, useAnswer, useState, useText, Wait } from "./ui.js";
import { call, get } from "./api.js";

const SEVERITIES = ["error", "warning", "info"];

function Checks({ checks, chosen, severity }) {
  const t = useText();
  const found = checks.filter((one) => one.count > 0).sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.count - a.count);
  const most = Math.max(1, ...found.map((one) => one.count));
  return html`<ul class="checks" aria-label=${t("checks")}>${found.map((one) => html`<li key=${one.name} class=${one.name === chosen ? "chosen" : ""}>
      <a href=${link("audit", "", { check: one.name === chosen ? "" : one.name, severity })}><span class=${"dot " + one.severity}></span>${one.name.replaceAll("_", " ")}</a>
      <span class="bar-line"><meter min="0" max=${most} value=${one.count} aria-label=${String(one.count)}></meter></span><span class="p">${one.count}</span></li>`)}</ul>
    <p class="muted small">${t("checksClean", { count: checks.filter((one) => !one.count).length })}</p>`;
}

function Fixes() {
  const t = useText();
  const [wrong, setWrong] = useState("");
  const state = useAnswer((signal) => get("v1/audit/fixes", {}, { signal }), []);
  const propose = async ({ title, reason, changes }) => {
    try { go("review", String((await call("v1/proposals", { method: "POST", body: { title, reason, changes } })).id)); } catch (error) { setWrong(error.message); }
  };
  return html`<${Wait} state=${state}>${(found) => found.changes.length > 0 && html`<div class="card"><p>${t("safeRepairs", { count: found.fixed.length })}</p>
    <ul class="small">${found.fixed.slice(0, 8).map((one, n) => html`<li key=${n}>${one.message}</li>`)}</ul>
    <div class="row"><button class="main" onClick=${() => propose(found)}>${t("proposeRepairs")}</button></div><p class="wrong" role="alert">${wrong}</p></div>`}<//>`;
}

function Finding({ finding }) {
  const t = useText();
  const better = finding.evidence?.better || [];
  return html`<li><span class=${"dot " + finding.severity} title=${finding.severity}></span><div><div>${finding.message}</div>
    <div class="small row">${finding.concepts.slice(0, 6).map((id) => html`<${ConceptLink} key=${id} id=${id} label=${id} />`)}
      ${finding.item && html`<span class="muted">${t("item")} ${finding.item}</span>`}
      ${better.length > 0 && html`<span>${t("better")} ${better.slice(0, 3).map((id) => html`<${ConceptLink} key=${id} id=${id} label=${id} /> `)}</span>`}
      <span class="muted">${finding.check.replaceAll("_", " ")}</span></div></div></li>`;
}

export default function Audit({ route }) {
  const t = useText();
  const { check, severity } = route.params;
  const [limit, setLimit] = useState(100);
  const state = useAnswer((signal) => get("v1/audit", { check, severity, limit }, { signal }), [check, severity, limit]);
  return html`<h1>${t("audit")}</h1><${Wait} state=${state}>${(report) => html`<div class="browse">
    <aside><div class="row">${["", "error", "warning"].map((one) => html`<a key=${one} class="quiet" aria-current=${(severity || "") === one ? "page" : undefined} href=${link("audit", "", { check, severity: one })}>${t(one || "all")}</a>`)}</div>
      <${Checks} checks=${report.checks.filter((one) => !severity || SEVERITIES.indexOf(one.severity) <= SEVERITIES.indexOf(severity))} chosen=${check} severity=${severity} /></aside>
    <div><${Fixes} />
      <p class="muted" role="status">${t("findings", { count: report.total })} <${Copy} label=${t("json")} text=${JSON.stringify(report, null, 2)} /></p>
      ${report.total ? html`<ul class="findings">${report.findings.map((one, n) => html`<${Finding} key=${n} finding=${one} />`)}</ul>` : html`<${Empty}>${t("noFindings")}<//>`}
      ${report.total > report.findings.length && html`<button class="quiet" onClick=${() => setLimit(limit * 4)}>${t("more", { count: report.total - report.findings.length })}</button>`}
    </div></div>`}<//>`;
}
