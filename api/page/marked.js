// A text with spans marked. Offsets count code points, JavaScript's strings count UTF-16 units.

import { html } from "./ui.js";

// Of spans that overlap, the one that begins first, and of those the longest, is marked.
export function Marked({ text, spans }) {
  const letters = Array.from(text);
  const parts = [];
  let done = 0;
  for (const { span: [start, end], kind, title, style } of [...spans].sort((a, b) => a.span[0] - b.span[0] || b.span[1] - a.span[1])) {
    if (start < done) continue;
    parts.push(letters.slice(done, start).join(""), html`<mark class=${kind} style=${style} title=${title}>${letters.slice(start, end).join("")}</mark>`);
    done = end;
  }
  return html`<p class="title">${parts}${letters.slice(done).join("")}</p>`;
}
