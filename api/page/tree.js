// The tree: a level is loaded when it is opened. Arrow keys as the WAI-ARIA tree pattern has them.

import { createContext, Empty, html, link, useAnswer, useContext, useEffect, useRef, useState, useText, Wait } from "./ui.js";
import { get } from "./api.js";

const PAGE = 200;

// Of the concept that is shown: the ids above it, its own node, the parent below which it stands, and when it was asked for.
const Shown = createContext({ above: new Set(), asked: 0 });

function Node({ node, lang, level, size, place }) {
  const t = useText();
  const shown = useContext(Shown);
  const [open, setOpen] = useState(shown.above.has(node.concept));
  const turned = useRef(0);
  const turn = () => { turned.current = performance.now(); setOpen(!open); };
  // What the reader closed while the place was still being asked for stays closed.
  useEffect(() => { if (shown.above.has(node.concept) && shown.asked > turned.current) setOpen(true); }, [shown]);
  const chosen = node.concept === shown.node?.concept;
  return html`<li role="treeitem" tabindex="-1" aria-label=${node.label} aria-expanded=${node.children ? open : undefined} aria-selected=${chosen} aria-level=${level} aria-setsize=${size} aria-posinset=${place}>
    <div class=${"node" + (chosen ? " chosen" : "")}>
      ${node.children ? html`<button class="twist" tabindex="-1" aria-label=${t(open ? "collapse" : "expand", { label: node.label })} onClick=${turn}>${open ? "▾" : "▸"}</button>` : html`<span class="twist"></span>`}
      <a tabindex="-1" href=${link("browse", node.concept)} class=${node.status}>${node.label}</a>
      ${node.items > 0 && html`<span class="muted small" title=${t("items")}>${node.items}</span>`}
    </div>
    ${open && node.children > 0 && html`<${Level} parent=${node.concept} lang=${lang} level=${level + 1} />`}
  </li>`;
}

function Level({ parent, kind, lang, level }) {
  const t = useText();
  const shown = useContext(Shown);
  const [more, setMore] = useState([]);
  const [next, setNext] = useState(null);
  const state = useAnswer((signal) => get("v1/taxonomy/tree", { parent, kind, lang, limit: PAGE }, { signal }), [parent, kind, lang]);
  useEffect(() => { setMore([]); setNext(state.answer?.next_cursor ?? null); }, [state.answer]);
  const load = async () => {
    const page = await get("v1/taxonomy/tree", { parent, kind, lang, limit: PAGE, cursor: next });
    setMore((all) => [...all, ...page.nodes]);
    setNext(page.next_cursor);
  };
  return html`<${Wait} state=${state}>${(answer) => {
    const nodes = [...answer.nodes, ...more];
    // Of a crowded level a page is here: the concept that is shown stands at its end.
    if (next !== null && parent && shown.parent === parent && !nodes.some((one) => one.concept === shown.node.concept)) nodes.push(shown.node);
    return html`<ul role=${level === 1 ? "tree" : "group"} aria-label=${level === 1 ? t(kind === "attribute" ? "attributes" : "categories") : undefined}>
      ${nodes.map((node, n) => html`<${Node} key=${node.concept} node=${node} lang=${lang} level=${level} size=${answer.total} place=${n + 1} />`)}
      ${next !== null && html`<li role="treeitem" tabindex="-1" aria-level=${level} aria-selected="false"><button class="quiet" tabindex="-1" onClick=${load}>${t("more", { count: answer.total - answer.nodes.length - more.length })}</button></li>`}
    </ul>`;
  }}<//>`;
}

const NEXT = { ArrowDown: (at) => at + 1, ArrowUp: (at) => at - 1, Home: () => 0, End: (_, all) => all.length - 1 };

function onKeyDown(event) {
  const item = event.target.closest("[role=treeitem]");
  if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = [...item.closest("[role=tree]").querySelectorAll("[role=treeitem]")];
  const open = item.getAttribute("aria-expanded");
  const to = (other) => other?.focus();
  if (event.key in NEXT) to(all[NEXT[event.key](all.indexOf(item), all)]);
  else if (event.key === "ArrowRight" && open === "true") to(item.querySelector("[role=treeitem]"));
  else if (event.key === "ArrowLeft" && open !== "true") to(item.parentElement.closest("[role=treeitem]"));
  else if (event.key === "ArrowRight" ? open : event.key === "ArrowLeft") item.querySelector(".twist").click();
  else if (event.key === "Enter" || event.key === " ") (item.querySelector(":scope > .node > a, :scope > button")).click();
  else if (event.key.length === 1 && /\p{L}|\p{N}/u.test(event.key)) {
    const at = all.indexOf(item);
    to([...all.slice(at + 1), ...all.slice(0, at)].find((one) => one.getAttribute("aria-label")?.toLowerCase().startsWith(event.key.toLowerCase())));
  } else return;
  event.preventDefault();
}

// One item of each tree is reached by Tab: the one that had the focus last, else the one that is shown, else the first.
function useOneStop() {
  const box = useRef(null);
  useEffect(() => {
    const look = () => box.current?.querySelectorAll("[role=tree]").forEach((tree) => {
      if (tree.querySelector("[role=treeitem][tabindex='0']")) return;
      const first = tree.querySelector("[role=treeitem][aria-selected=true]") || tree.querySelector("[role=treeitem]");
      if (first) first.tabIndex = 0;
    });
    const watch = new MutationObserver(look);
    watch.observe(box.current, { childList: true, subtree: true });
    look();
    return () => watch.disconnect();
  }, []);
  const onFocus = (event) => {
    const item = event.target.closest("[role=treeitem]");
    if (!item) return;
    item.closest("[role=tree]").querySelectorAll("[tabindex='0']").forEach((one) => { one.tabIndex = -1; });
    item.tabIndex = 0;
  };
  return [box, onFocus];
}

export function Tree({ lang, shown }) {
  const t = useText();
  const size = useAnswer((signal) => get("v1/taxonomy", {}, { signal }), []);
  const count = (kind) => Object.values(size.answer?.schemes ?? {}).reduce((sum, kinds) => sum + (kinds[kind] || 0), 0);
  const [box, onFocus] = useOneStop();
  return html`<${Shown.Provider} value=${shown}><div class="tree" ref=${box} onKeyDown=${onKeyDown} onFocusCapture=${onFocus}>
    ${size.answer && !size.answer.concepts && html`<${Empty}>${t("emptyTaxonomy")}<//>`}
    ${["category", "attribute"].map((kind) => count(kind) > 0 && html`<details open key=${kind}><summary>${t(kind === "category" ? "categories" : "attributes")} <span class="muted small">${count(kind)}</span></summary>
      <${Level} kind=${kind} lang=${lang} level=${1} /></details>`)}
  </div><//>`;
}
