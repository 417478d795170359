// Browse: the tree, search, and the page of a concept.

import { ConceptSearch, Empty, go, html, useEffect, useState, useText } from "./ui.js";
import { Concept } from "./concept.js";
import { Tree } from "./tree.js";
import { get, path } from "./api.js";

const NOTHING = { above: new Set(), asked: 0 };

// Where the tree is to open for a concept: below its broader concepts, a value below its attribute.
async function placeOf(id, lang, signal) {
  const asked = performance.now();
  const concept = await get(path("concepts", id), { lang }, { signal });
  const above = [...(concept.relations.value_of || []), ...concept.path.slice(0, -1)].map((one) => one.concept);
  const node = { concept: id, label: concept.label, kind: concept.kind, status: concept.status, children: concept.counts.narrower + concept.counts.values, items: 0 };
  return { above: new Set(above), node, parent: above.at(-1), asked };
}

export default function Browse({ route, lang }) {
  const t = useText();
  const [shown, setShown] = useState(NOTHING);
  useEffect(() => {
    const stop = new AbortController();
    if (route.arg) placeOf(route.arg, lang, stop.signal).then(setShown, () => stop.signal.aborted || setShown(NOTHING));
    return () => stop.abort();
  }, [route.arg, lang]);
  return html`<div class="browse">
    <aside><${ConceptSearch} label=${t("findConcept")} onPick=${(row) => go("browse", row.concept)} /><${Tree} lang=${lang} shown=${shown} /></aside>
    <div>${route.arg ? html`<${Concept} id=${route.arg} lang=${lang} />` : html`<${Empty}><p>${t("browseEmpty")}</p><//>`}</div>
  </div>`;
}
