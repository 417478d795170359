// A queue on the left, one of its entries on the right: J and K move, and the next one comes when one is done.

import { Empty, html, useEffect, useKeys, useState, useText } from "./ui.js";

// `rows` have a `key`; `head` draws an entry in the list, `children` the one that is chosen.
export function Queue({ rows, head, hint, empty, above, children }) {
  const t = useText();
  const [at, setAt] = useState(0);
  const place = Math.min(at, Math.max(0, rows.length - 1));
  const move = (by) => setAt(Math.max(0, Math.min(rows.length - 1, place + by)));
  useKeys({ j: () => move(1), k: () => move(-1) });
  useEffect(() => setAt(place), [rows.length]);
  const one = rows[place];
  return html`<div class="browse"><aside>${above}
      <p class="muted small">${hint}</p>
      <ul class="queue" aria-label=${t("queues")}>${rows.slice(0, 300).map((row, n) => html`<li key=${row.key} class=${n === place ? "chosen" : ""}><button class="quiet entry" aria-current=${n === place ? "true" : undefined} onClick=${() => setAt(n)}>${head(row)}</button></li>`)}</ul>
      ${rows.length > 300 && html`<p class="muted small">${t("more", { count: rows.length - 300 })}</p>`}
    </aside><div>${one ? html`<div key=${one.key}>${children(one)}</div>` : html`<${Empty}>${empty}<//>`}</div></div>`;
}
