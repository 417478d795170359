// A lost race: theirs beside mine, field by field, to take one of each.

import { html, useState, useText, when } from "./ui.js";
import { differences, merged } from "./fields.js";

const shown = (value) => (Array.isArray(value) ? value.map((one) => one.label).join(", ") : value) || "–";

export function Race({ base, theirs, mine, by, lang, onTaken, onCancel }) {
  const t = useText();
  const [rows, setRows] = useState(() => differences(base, theirs, mine));
  const take = (key, side) => setRows(rows.map((one) => (one.key === key ? { ...one, take: side } : one)));
  const open = rows.filter((one) => !one.take).length;
  return html`<section class="card race" aria-labelledby="race">
    <h2 id="race" tabindex="-1" ref=${(node) => node?.focus()}>${t("raceTitle")}</h2>
    <p>${t("raceHow")}${by && html` <span class="muted">${t("byAuthor", { author: by.author })}, ${when(by.at, lang)}${by.reason && `: ${by.reason}`}</span>`}</p>
    ${rows.map((row) => html`<fieldset key=${row.key} class="sides"><legend>${t(row.name)}${row.tag ? ` (${row.tag})` : ""}</legend>
      ${["theirs", "mine"].map((side) => html`<label key=${side} class=${row.take === side ? "taken" : ""}><input type="radio" name=${"race " + row.key} checked=${row.take === side} onChange=${() => take(row.key, side)} />
        <b>${t(side)}</b> <span lang=${row.tag}>${shown(row[side])}</span></label>`)}</fieldset>`)}
    ${!rows.length && html`<p>${t("raceSame")}</p>`}
    <div class="row"><button type="button" class="main" disabled=${open > 0} onClick=${() => onTaken(merged(theirs, mine, rows))}>${t("raceTake")}</button>
      <button type="button" class="quiet" onClick=${onCancel}>${t("cancel")}</button>
      ${open > 0 && html`<span class="muted" role="status">${t("raceOpen", { count: open })}</span>`}</div>
  </section>`;
}
