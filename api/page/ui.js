// What every view uses: Preact, the route, the language, small components.

import { createContext, h, html, render, useContext, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { get, key, path } from "./api.js";
import { problemIn } from "./chinese.js";
import { TEXTS } from "./texts.js";

export { createContext, h, html, render, useContext, useEffect, useMemo, useRef, useState };

// The route is the hash: #/view/argument?name=value. Every state is a link, and the back button goes back.

export function parseRoute(hash) {
  const [place, search = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view = "try", ...rest] = place.split("/");
  return { view: view || "try", arg: rest.length ? decodeURIComponent(rest.join("/")) : "", params: Object.fromEntries(new URLSearchParams(search)) };
}

export function link(view, arg = "", params = {}) {
  const search = new URLSearchParams(Object.entries(params).filter(([, v]) => v !== undefined && v !== null && v !== "")).toString();
  return `#/${view}${arg ? "/" + encodeURIComponent(arg) : ""}${search ? "?" + search : ""}`;
}

export function go(view, arg, params, { replace = false } = {}) {
  const to = link(view, arg, params);
  if (replace) history.replaceState(null, "", to);
  else if (location.hash !== to) location.hash = to;
  if (replace) dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute() {
  const [route, set] = useState(parseRoute(location.hash));
  useEffect(() => {
    const follow = () => set(parseRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

// Language of the page, and of the labels that it asks for.

export const Language = createContext("en");
export const useText = () => {
  const lang = useContext(Language);
  return (name, values = {}) =>
    (TEXTS[name]?.[lang] ?? TEXTS[name]?.en ?? name).replace(/\{(\w+)\}/g, (_, of) => String(values[of] ?? ""));
};

// What the caller's key may: its scopes, as the service lists them. While they are unknown, nothing is held back.

export const Key = createContext(null);
export const mayWith = (row, needs) => !row || needs.split(" ").some((scope) => row.scopes.includes(scope));
export const useMay = () => {
  const row = useContext(Key);
  return (needs) => mayWith(row, needs);
};

// A button for what needs one of these scopes. Without it, it says so, and can still be found by a screen reader.
export function Act({ needs, kind = "quiet", onClick, children, disabled, ...rest }) {
  const t = useText();
  if (useMay()(needs)) return html`<button type=${onClick ? "button" : "submit"} ...${rest} class=${kind} disabled=${disabled} onClick=${onClick}>${children}</button>`;
  return html`<button ...${rest} type="button" class=${kind} aria-disabled="true" title=${t("lacks", { scope: needs.split(" ")[0] })}>${children} <span class="lacks">${t("lacksShort", { scope: needs.split(" ")[0] })}</span></button>`;
}

// What went wrong. The service writes English: in Chinese the kind of problem comes first, by its stable name.
export function Wrong({ error }) {
  const t = useText();
  const lang = useContext(Language);
  const told = !error || typeof error === "string" ? error : error.message;
  const kind = lang === "zh" && error?.problem ? problemIn(error.problem) : "";
  return html`<div class="wrong" role="alert">${kind ? html`${kind}<div class="small" lang="en">${told}</div>` : told}</div>`;
}

// What the server answers to `ask`, again whenever `deps` change; an older answer never takes the place of a newer one.

export function useAnswer(ask, deps) {
  const [state, set] = useState({ loading: true });
  const [turn, again] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    set((before) => ({ ...before, loading: true, error: undefined }));
    if (!key()) return set({ loading: false });
    Promise.resolve(ask(stop.signal)).then(
      (answer) => stop.signal.aborted || set({ answer, loading: false }),
      (error) => stop.signal.aborted || set({ error, loading: false }),
    );
    return () => stop.abort();
  }, [...deps, turn]);
  return { ...state, again: () => again((n) => n + 1) };
}

// Labels by id, the id itself until they are there.
export function useLabels(ids, lang) {
  const state = useAnswer(async (signal) => new Map(await Promise.all([...new Set(ids)].slice(0, 200).map(async (id) =>
    [id, await get(path("concepts", id), { lang }, { signal }).then((one) => one.label, () => id)]))), [[...ids].sort().join("\n"), lang]);
  return (id) => state.answer?.get(id) ?? id;
}

// Categories to begin with: the top ones, or those below the only one.
export const useStarts = (lang) => useAnswer(async (signal) => {
  const ask = (parent) => get("v1/taxonomy/tree", { parent, lang, limit: 12 }, { signal });
  const top = await ask();
  return top.nodes.length === 1 && top.nodes[0].children ? ask(top.nodes[0].concept) : top;
}, [lang]);

export function Wait({ state, children }) {
  const t = useText();
  if (state.error) return html`<${Wrong} error=${state.error} />`;
  if (state.loading && !state.answer) return html`<p class="muted" aria-busy="true">${t("loading")}</p>`;
  return state.answer ? children(state.answer) : null;
}

export const percent = (p) => (p > 0.99 && p < 0.9995 ? (100 * p).toFixed(1) : Math.round(100 * p)) + " %";

// When something happened, in the page's language.
export const when = (at, lang) => new Date(at).toLocaleString(lang === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short" });

// Hand a file to the browser.
export function download(blob, name) {
  const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  URL.revokeObjectURL(anchor.href);
}

// Keys that act while nobody types: a function by key.
export function useKeys(actions) {
  const now = useRef(actions);
  now.current = actions;
  useEffect(() => {
    const press = (event) => {
      if (/INPUT|TEXTAREA|SELECT/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
      now.current[event.key]?.();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

export function Probability({ value, title }) {
  return html`<span class="p" title=${title}><meter min="0" max="1" value=${value} aria-label=${title || percent(value)}></meter>${percent(value)}</span>`;
}

// A score ranks, and says nothing more.
export function Score({ value }) {
  const t = useText();
  return html`<span class="p" title=${t("score")}><meter min="0" max="1" value=${value} aria-label=${t("score")}></meter>${value.toFixed(2)}</span>`;
}

// The words for a piece of evidence.
export function whyOf(one, nameOf, t) {
  const via = one.path?.slice(1, -1).map(nameOf).join(" › ");
  if (one.type === "cooccurrence" && one.count === undefined) return t("taggedAlike");
  if (one.type === "cooccurrence") return one.path ? t("togetherOf", { count: one.count, of: one.of, label: nameOf(one.path[0]) }) : t("togetherOn", { count: one.count, of: one.of });
  if (one.type === "inferred" && via) return t("inferredBy", { via });
  return one.type === "embedding" ? `${t("embedding")} ${one.score.toFixed(2)}` : t(one.type);
}

// `stop`: whether Tab stops at it, where arrow keys lead from one to the next.
export function ConceptLink({ id, label, view = "browse", stop = true, children }) {
  return html`<a href=${link(view, id)} title=${id} tabindex=${stop ? undefined : -1}>${children || label || id}</a>`;
}

export const Kind = ({ kind }) => {
  const t = useText();
  return html`<span class=${"kind " + kind}>${t(kind)}</span>`;
};

export function Empty({ children }) {
  return html`<div class="empty">${children}</div>`;
}

export function Copy({ text, label }) {
  const t = useText();
  const [done, set] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return html`<button class="quiet" onClick=${copy} title=${text}>${done ? t("copied") : label}</button>`;
}

// Search as you type among the labels of concepts. Arrow keys, Enter, Escape; announced to screen readers.

export function ConceptSearch({ label, onPick, kind, autofocus = false, id = "search" }) {
  const lang = useContext(Language);
  const t = useText();
  const [text, setText] = useState("");
  const [rows, setRows] = useState([]);
  const [at, setAt] = useState(0);
  const asked = useRef(0);
  const box = useRef(null);
  useEffect(() => { if (autofocus) box.current.focus(); }, []);
  const [none, setNone] = useState(false);
  const hasty = useRef(false); // Enter came before the answer: the first row is meant
  const answered = useRef(""); // the text that the rows are for
  const type = async (value) => {
    setText(value);
    hasty.current = false;
    setNone(false);
    const turn = ++asked.current;
    if (!value.trim() || !key()) return setRows([]);
    try {
      // Labels of the page's language first, then those of any other: an editor types either.
      const found = await get("v1/search/suggest", { q: value, limit: 8, kind, lang });
      if (found.suggestions.length < 4) {
        const all = await get("v1/search/suggest", { q: value, limit: 8, kind });
        const known = new Set(found.suggestions.map((row) => row.concept));
        found.suggestions.push(...all.suggestions.filter((row) => !known.has(row.concept)));
      }
      if (turn !== asked.current) return;
      setNone(!found.suggestions.length);
      if (hasty.current && found.suggestions.length) return pick(found.suggestions[0]);
      answered.current = value;
      setRows(found.suggestions);
      setAt(0);
    } catch { if (turn === asked.current) setRows([]); }
  };
  const pick = (row) => { hasty.current = false; setText(""); setRows([]); onPick(row); };
  const onKeyDown = (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") setAt((n) => Math.min(n + 1, rows.length - 1));
    else if (event.key === "ArrowUp") setAt((n) => Math.max(n - 1, 0));
    else if (event.key === "Enter") { if (rows[at] && answered.current === text) pick(rows[at]); else hasty.current = true; }
    else if (event.key === "Escape") { setText(""); setRows([]); }
    else return;
    event.preventDefault();
  };
  return html`<div class="combo">
    <input ref=${box} type="search" role="combobox" aria-label=${label} placeholder=${label} aria-expanded=${rows.length > 0} aria-controls=${id + "-list"}
      aria-activedescendant=${rows.length ? `${id}-${at}` : undefined} aria-autocomplete="list" autocomplete="off" spellcheck=${false} id=${id}
      value=${text} autofocus=${autofocus} onInput=${(e) => type(e.target.value)} onKeyDown=${onKeyDown} />
    <ul role="listbox" id=${id + "-list"} aria-label=${label} hidden=${!rows.length}>
      ${rows.map((row, n) => html`<li role="option" id=${`${id}-${n}`} key=${row.concept} aria-selected=${n === at}
          onMouseDown=${(e) => { e.preventDefault(); pick(row); }}>
        <span>${row.label}${row.label !== row.pref_label ? html` <span class="muted">→ ${row.pref_label}</span>` : ""}</span>
        <span class="muted">${row.path ? row.path.join(" › ") : ""}</span> <${Kind} kind=${row.kind} />
      </li>`)}
    </ul>
    ${none && html`<p class="muted small" role="status">${t("noneFound")}</p>`}
  </div>`;
}
