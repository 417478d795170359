// The page: its frame, and one view for each job. Views are modules of their own, loaded when they are opened.

import { Empty, html, Key, Language, link, mayWith, render, useEffect, useRoute, useState, useText, Wrong } from "./ui.js";
import { get, key, setKey } from "./api.js";

// Each view, and the scope that it needs.
const NEEDS = { try: "tag", browse: "read", graph: "read", review: "read", audit: "read", history: "read", ask: "read" };
const VIEWS = Object.keys(NEEDS);
const loaded = new Map();

function useView(name) {
  const [turn, again] = useState(0);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!VIEWS.includes(name) || loaded.has(name)) return;
    setFailed(false);
    // A module that once failed to load is remembered by the browser: the number asks anew.
    import(`./${name}.js${turn ? `?${turn}` : ""}`).then(
      (module) => { loaded.set(name, module.default); again((n) => n + 1); },
      () => setFailed(true),
    );
  }, [name, turn]);
  return { View: loaded.get(name), failed, again: () => again((n) => n + 1) };
}

function Frame({ lang, setLang }) {
  const t = useText();
  const route = useRoute();
  const view = VIEWS.includes(route.view) ? route.view : "try";
  const { View, failed, again } = useView(view);
  const [signedIn, setSignedIn] = useState(Boolean(key()));
  const [status, setStatus] = useState(null);
  const [own, setOwn] = useState(null);
  useEffect(() => { document.documentElement.lang = lang; }, [lang]);
  useEffect(() => { setOwn(null); if (signedIn) get("v1/key").then(setOwn, () => {}); }, [signedIn]);
  const may = mayWith(own, NEEDS[view]);
  useEffect(() => { document.title = `${t(view)} · kgtag`; }, [view, lang]);
  useEffect(() => {
    const look = () => get("readyz").then(setStatus, () => setStatus({ status: "away" }));
    look();
    const timer = setInterval(look, 15_000);
    return () => clearInterval(timer);
  }, [signedIn]);
  const leave = () => { setKey(""); setSignedIn(false); };
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>${t("skip")}</a>
    <header class="bar">
      <a class="name" href=${link("try")}>kgtag</a>
      <nav aria-label=${t("views")}>${VIEWS.map((one) => html`<a key=${one} href=${link(one)} aria-current=${one === view ? "page" : undefined}
        class=${mayWith(own, NEEDS[one]) ? "" : "off"} title=${mayWith(own, NEEDS[one]) ? undefined : t("lacks", { scope: NEEDS[one] })}>${t(one)}</a>`)}</nav>
      <div class="tools">
        <button class="quiet" lang=${lang === "en" ? "zh" : "en"} onClick=${() => setLang(lang === "en" ? "zh" : "en")}>${lang === "en" ? "中文" : "English"}</button>
        <a class="quiet" href="docs">${t("api")}</a>
        ${own && html`<span class="muted small" title=${own.scopes.join(", ")}>${own.name || own.id}</span>`}
        ${signedIn && html`<button class="quiet" onClick=${leave}>${t("leave")}</button>`}
      </div>
    </header>
    <main id="main" tabindex="-1">
      ${!signedIn ? html`<${SignIn} onDone=${() => setSignedIn(true)} />`
        : !may ? html`<${Empty}><p>${t("viewLacks", { scope: NEEDS[view], name: own.name || own.id, scopes: own.scopes.join(", ") })}</p><code>kgtag keys create --scope ${NEEDS[view]}</code><//>`
        : View ? html`<${Key.Provider} value=${own}><${View} route=${route} lang=${lang} /><//>`
        : failed ? html`<p class="wrong" role="alert">${t("away")} <button class="quiet" onClick=${again}>${t("tryAgain")}</button></p>` : html`<p class="muted" aria-busy="true">${t("loading")}</p>`}
    </main>
    <footer class="foot">${status && html`<${Status} status=${status} />`}</footer>`;
}

function Status({ status }) {
  const t = useText();
  if (status.status === "away") return html`<span class="wrong">${t("away")}</span>`;
  return html`<span>${t("footer", { concepts: status.concepts, version: status.version, model: status.model || t("noModel") })}</span>
    ${status.status === "stale" && html` <span class="wrong">${t("stale", { seconds: Math.round(status.stale_for) })}</span>`}
    ${status.quarantined > 0 && html` <span>${t("quarantined", { count: status.quarantined })}</span>`}`;
}

function SignIn({ onDone }) {
  const t = useText();
  const [text, setText] = useState("");
  const [keep, setKeep] = useState(false);
  const [wrong, setWrong] = useState("");
  const enter = async (event) => {
    event.preventDefault();
    setKey(text.trim(), { keep });
    try { await get("v1/key"); onDone(); }
    catch (error) {
      setKey("");
      setWrong(error);
    }
  };
  return html`<form class="card signin" onSubmit=${enter}>
    <h1>${t("welcome")}</h1>
    <p>${t("whatItIs")}</p>
    <label for="key">${t("key")}</label>
    <div class="row"><input id="key" type="password" autocomplete="off" spellcheck=${false} value=${text} onInput=${(e) => setText(e.target.value)} autofocus />
      <button class="main" disabled=${!text.trim()}>${t("enter")}</button></div>
    <label class="check"><input type="checkbox" checked=${keep} onChange=${(e) => setKeep(e.target.checked)} /> ${t("keepKey")}</label>
    <${Wrong} error=${wrong} />
    <p class="muted">${t("keyHow")} <code>kgtag keys create --scope read,tag</code></p>
  </form>`;
}

function App() {
  const [lang, set] = useState(localStorage.getItem("kgtag-lang") || (navigator.language.startsWith("zh") ? "zh" : "en"));
  const setLang = (value) => { localStorage.setItem("kgtag-lang", value); set(value); };
  return html`<${Language.Provider} value=${lang}><${Frame} lang=${lang} setLang=${setLang} /><//>`;
}

// A link that `kgtag demo --serve` prints: the key comes after the #, which no server sees, and leaves the address at once.
const given = /^#key=([\w-]+)$/.exec(location.hash);
if (given) {
  setKey(given[1]);
  history.replaceState(null, "", "#/try");
}

render(html`<${App} />`, document.getElementById("app"));
