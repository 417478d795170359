// The fields of a concept as a form has them, one after the other, and what three versions of them come to.

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const LISTS = { alt: "alt_label", hidden: "hidden_label" };
const TEXTS = { pref: "pref_label", definition: "definition" };
export const LINKS = ["broader", "related", "excludes"];

export const rowsOf = (text) => Math.max(1, lines(text).length);
export const tagsOf = (concept) => [...new Set(["en", "zh", ...[...Object.values(LISTS), ...Object.values(TEXTS)].flatMap((name) => Object.keys(concept[name]))])].sort();

export const formOf = (concept) => ({
  labels: tagsOf(concept).map((tag) => ({
    tag, ...Object.fromEntries(Object.entries(TEXTS).map(([name, field]) => [name, concept[field][tag] || ""])),
    ...Object.fromEntries(Object.entries(LISTS).map(([name, field]) => [name, (concept[field][tag] || []).join("\n")])),
  })),
  notation: concept.notation || "",
  ...Object.fromEntries(LINKS.map((type) => [type, concept.relations[type] || []])),
});

// What is in the form, field by field as the API has it.
function read(form) {
  const of = (name, value) => Object.fromEntries(form.labels.map((one) => [one.tag, value(one[name])]).filter(([, one]) => one.length));
  return {
    ...Object.fromEntries(Object.entries(TEXTS).map(([name, field]) => [field, of(name, (text) => text.trim())])),
    ...Object.fromEntries(Object.entries(LISTS).map(([name, field]) => [field, of(name, lines)])),
    notation: form.notation.trim() || null,
    ...Object.fromEntries(LINKS.map((type) => [type, form[type].map((one) => one.concept)])),
  };
}

// Fields that differ from the concept's, for the API.
export function changed(concept, form) {
  const before = read(formOf(concept));
  return Object.fromEntries(Object.entries(read(form)).filter(([name, value]) => !same(value, before[name])));
}

// One entry for each language of each text, and for each other field: [name, tag, value].
const flat = (form) => new Map([
  ...form.labels.flatMap((one) => [...Object.keys(TEXTS), ...Object.keys(LISTS)].map((name) => [`${name} ${one.tag}`, one[name].trim()])),
  ["notation", form.notation.trim()], ...LINKS.map((type) => [type, form[type]]),
]);
const plain = (value) => (Array.isArray(value) ? value.map((one) => one.concept) : value || "");

// Where theirs or mine differs from what both began with; `take` is the side that changed it, none where both did.
export function differences(base, theirs, mine) {
  const [was, other, own] = [base, theirs, mine].map(flat);
  return [...new Set([...other.keys(), ...own.keys()])].flatMap((key) => {
    const [a, b, c] = [was, other, own].map((one) => one.get(key) ?? (LINKS.includes(key) ? [] : ""));
    const [theirsMoved, mineMoved] = [!same(plain(a), plain(b)), !same(plain(a), plain(c))];
    if (!theirsMoved && !mineMoved) return [];
    const [name, tag] = key.split(" ");
    const agreed = same(plain(b), plain(c));
    return [{ key, name: TEXTS[name] || LISTS[name] || name, tag, theirs: b, mine: c, agreed, take: agreed || !mineMoved ? "theirs" : !theirsMoved ? "mine" : "" }];
  });
}

// Theirs, with mine where mine was taken.
export function merged(theirs, mine, rows) {
  const form = structuredClone(theirs);
  for (const { key } of rows.filter((one) => one.take === "mine")) {
    const [name, tag] = key.split(" ");
    if (!tag) { form[name] = mine[name]; continue; }
    let row = form.labels.find((one) => one.tag === tag);
    if (!row) form.labels.push((row = { tag, pref: "", alt: "", hidden: "", definition: "" }));
    row[name] = mine.labels.find((one) => one.tag === tag)[name];
  }
  return form;
}

// An id for a new concept: that of what it stands below, and its label.
export const newId = (above, label) => [above, label.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "")].filter(Boolean).join(".");
