// Many titles: which of them to look at.

import { html, useText } from "./ui.js";

const KINDS = {
  all: () => true,
  left: ({ row }) => row.dropped?.length > 0,
  nil: ({ row }) => row.nil?.length > 0,
  uncategorised: ({ row }) => row.tags && !row.tags.some((tag) => tag.kind === "category"),
  untagged: ({ row }) => row.tags?.length === 0,
  failed: ({ row }) => Boolean(row.error),
};
const MOST = 200;

export const sifted = (rows, { kind, tag }) => rows.filter((one) => KINDS[kind](one) && (!tag || one.row.tags?.some((found) => found.concept === tag)));

export function Sift({ rows, by, onChange }) {
  const t = useText();
  const tags = new Map();
  for (const { row } of rows) for (const tag of row.tags || []) tags.set(tag.concept, { label: tag.label, count: (tags.get(tag.concept)?.count || 0) + 1 });
  const most = [...tags].sort((a, b) => b[1].count - a[1].count).slice(0, MOST);
  return html`<div class="controls" role="group" aria-label=${t("sift")}>
    ${Object.keys(KINDS).map((kind) => { const count = rows.filter(KINDS[kind]).length; return (count > 0 || kind === "all") && html`<button key=${kind} type="button" class="quiet" aria-pressed=${by.kind === kind} onClick=${() => onChange({ ...by, kind })}>${t("sift_" + kind)} <span class="muted">${count}</span></button>`; })}
    <label>${t("siftTag")} <select value=${by.tag} onChange=${(e) => onChange({ ...by, tag: e.target.value })}><option value="">${t("all")}</option>
      ${most.map(([id, { label, count }]) => html`<option key=${id} value=${id}>${label} (${count})</option>`)}</select></label>
  </div>`;
}
