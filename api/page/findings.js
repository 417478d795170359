// What models doubt: parents and tags that hardly fit, each decided with a number key.

import { Act, ConceptLink, html, link, percent, useAnswer, useKeys, useLabels, useMay, useState, useText, Wait, Wrong } from "./ui.js";
import { call, get, path } from "./api.js";
import { CHECKS } from "./chinese.js";
import { useKept } from "./kept.js";
import { Queue } from "./queue.js";

const OVER = ["done", "failed", "cancelled"];
const LEARNED = ["implausible_broader", "implausible_tag"];
const keyOf = (one) => [one.check, ...one.concepts, one.item || ""].join("\n");
const learned = (report) => report.findings.filter((one) => LEARNED.includes(one.check)).map((one) => ({ ...one, key: keyOf(one) }));

// The service's own audit has the learned check where it serves embeddings; an audit job has both.
async function load(signal) {
  const [served, jobs] = await Promise.all([
    get("v1/audit", { limit: 0 }, { signal }).then((report) => {
      const checks = report.checks.map((one) => one.name).filter((name) => LEARNED.includes(name));
      return checks.length ? get("v1/audit", { check: checks, limit: 2000 }, { signal }) : null;
    }),
    get("v1/jobs", { kind: "audit", state: "done", limit: 1 }, { signal }).catch(() => ({ jobs: [] })),
  ]);
  const [job] = jobs.jobs;
  const result = job && (await get(path("jobs", job.id, "result"), {}, { signal }).catch(() => null));
  const rows = [...(served ? learned(served) : []), ...(result ? learned(result) : [])];
  return { rows: [...new Map(rows.map((one) => [one.key, one])).values()], served: Boolean(served), job: result ? job : null };
}

function Doubt({ finding, lang, onDone, onKeep }) {
  const t = useText();
  const may = useMay();
  const [wrong, setWrong] = useState("");
  const [concept, now] = finding.concepts;
  const isTag = finding.check === "implausible_tag";
  const better = (finding.evidence.better || []).slice(0, 8);
  const nameOf = useLabels([...finding.concepts, ...better], lang);
  const state = useAnswer((signal) => get(path("concepts", concept), { lang }, { signal }), [concept, lang]);
  const parents = (state.answer?.relations.broader || []).map((one) => one.concept);
  const settled = state.answer && !isTag && !parents.includes(now);
  const act = async (work, note) => { setWrong(""); try { onDone(finding, t(note, (await work()) || {})); } catch (error) { setWrong(error); } };
  const feedback = (of, verdict) => call("v1/feedback", { method: "POST", body: { item: finding.item, concept: of, verdict, reason: finding.check } });
  const choose = (to) => (isTag
    ? act(async () => { await feedback(concept, "wrong"); await feedback(to, "missing"); return { label: nameOf(to) }; }, "tagReplaced")
    : act(async () => ({ id: (await call("v1/proposals", { method: "POST", body: {
        operation: "move", concept, broader: [...new Set(parents.map((one) => (one === now ? to : one)))], reason: finding.message,
        evidence: { check: finding.check, ...finding.evidence } } })).id }), "proposed"));
  const drop = () => act(async () => { await feedback(concept, "wrong"); return { label: nameOf(concept) }; }, "tagDropped");
  const keep = () => (isTag ? act(async () => { await feedback(concept, "right"); return { label: nameOf(concept) }; }, "tagKept") : onKeep(finding));
  const needs = isTag ? "tag propose" : "propose";
  const can = may(needs) && state.answer && !settled;
  useKeys({
    ...Object.fromEntries(better.map((to, n) => [String(n + 1), () => can && choose(to)])),
    0: () => (!isTag || may(needs)) && keep(), ...(isTag ? { x: () => can && drop() } : {}),
  });
  return html`<article class="concept"><h2>${lang === "zh" ? CHECKS[finding.check][0] : finding.check.replaceAll("_", " ")}</h2>
    <h1>${nameOf(concept)}${!isTag && html` <span class="normal muted">${t("under", { label: nameOf(now) })}</span>`}</h1>
    ${isTag && html`<p><a href=${link("try", "", { title: finding.message.match(/ on (['"])(.*)\1 \(item /)?.[2] || "" })}>${t("item")} ${finding.item}</a></p>`}
    <p lang="en">${finding.message}</p>
    <${Wait} state=${state}>${(found) => html`<p class="path">${found.path.map((one) => one.label).join(" › ")}</p>`}<//>
    ${settled ? html`<p class="note" role="status">${t("settled")}</p><button class="quiet" onClick=${() => onDone(finding, "")}>${t("next")}</button>`
      : state.answer && html`<ol class="choices">${better.map((to, n) => html`<li key=${to}><${Act} needs=${needs} kind="quiet choice" onClick=${() => choose(to)}><kbd>${n + 1}</kbd> ${t(isTag ? "ratherTag" : "ratherUnder", { label: nameOf(to) })}<//> <small><${ConceptLink} id=${to} label=${t("look")} /></small>
          ${finding.evidence.probabilities && html`<span class="p">${percent(finding.evidence.probabilities[n])}</span>`}</li>`)}
        ${isTag && html`<li><${Act} needs=${needs} kind="quiet choice" onClick=${drop}><kbd>X</kbd> ${t("withoutTag", { label: nameOf(concept) })}<//></li>`}
        <li><${Act} needs=${isTag ? needs : "read"} kind="quiet choice" onClick=${keep}><kbd>0</kbd> ${t(isTag ? "keepTag" : "keepUnder", { label: nameOf(isTag ? concept : now) })}<//></li></ol>`}
    <${Wrong} error=${wrong} /></article>`;
}

export function Findings({ lang }) {
  const t = useText();
  const state = useAnswer(load, []);
  const [sent, setSent] = useState(null);
  const [kept, setKept] = useKept("kgtag-kept");
  const [done, setDone] = useState(new Set());
  const [note, setNote] = useState("");
  const [wrong, setWrong] = useState("");
  const open = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try { setWrong(""); setSent({ name: file.name, rows: learned(JSON.parse(await file.text())) }); } catch (error) { setWrong(`${file.name}: ${error.message}`); }
    event.target.value = "";
  };
  const start = async () => {
    setWrong("");
    try {
      let job = await call("v1/jobs", { method: "POST", body: { kind: "audit", check: state.answer.served ? LEARNED : ["implausible_tag"] } });
      setNote(t("auditStarted"));
      while (!OVER.includes(job.state)) {
        await new Promise((done) => setTimeout(done, 1000));
        job = await get(path("jobs", job.id));
      }
      setNote(t("auditOver", { state: job.state }));
      if (job.error) setWrong(job.error.detail);
      state.again();
    } catch (error) { setWrong(error); }
  };
  const finish = (finding, told) => { setDone((all) => new Set(all).add(finding.key)); setNote(told); };
  return html`<${Wait} state=${state}>${(found) => {
    const rows = (sent ? sent.rows : found.rows).filter((one) => !done.has(one.key) && !kept.includes(one.key));
    return html`<${Queue} rows=${rows} hint=${t("findingKeys")}
      head=${(one) => html`<span class="small muted">${lang === "zh" ? CHECKS[one.check][0] : one.check.replaceAll("_", " ")}</span><div>${one.message.split(" is implausible")[0]}</div>`}
      above=${html`<div class="row"><label class="quiet file">${t("reportFile")}<input type="file" accept=".json" onChange=${open} /></label>
          <button class="quiet" onClick=${start}>${t("startAudit")}</button>${kept.length > 0 && html`<button class="quiet" onClick=${() => setKept([])}>${t("showKept", { count: kept.length })}</button>`}</div>
        <p class="muted small">${sent ? sent.name : [found.served && t("fromServed"), found.job && t("fromJob", { id: found.job.id })].filter(Boolean).join(" · ") || t("noDoubts")}</p>
        <${Wrong} error=${wrong} /><p class="note" role="status">${note}</p>`}
      empty=${t("noFindingsLeft")}>${(one) => html`<${Doubt} finding=${one} lang=${lang} onDone=${finish} onKeep=${(finding) => { setKept((all) => [...all, finding.key]); setNote(t("keptHere")); }} />`}<//>`;
  }}<//>`;
}
