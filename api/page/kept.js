// Lists that this browser keeps, since they are one person's work in progress and no part of the taxonomy.

import { useState } from "./ui.js";

function read(name) {
  try { return JSON.parse(localStorage.getItem(name)) || []; } catch { return []; }
}

export function keep(name, rows) {
  localStorage.setItem(name, JSON.stringify(rows));
}

export function useKept(name) {
  const [rows, set] = useState(() => read(name));
  return [rows, (next) => { const found = typeof next === "function" ? next(read(name)) : next; keep(name, found); set(found); }];
}

// New concepts wait for a place: { label, lang, attribute? }, each label once.
export const NEW = "kgtag-new";

export function queueNew(found) {
  const before = read(NEW);
  const known = new Set(before.map((one) => `${one.attribute || ""} ${one.label.toLowerCase()}`));
  const fresh = found.filter((one) => { const key = `${one.attribute || ""} ${one.label.toLowerCase()}`; return !known.has(key) && known.add(key); });
  keep(NEW, [...before, ...fresh]);
  return fresh.length;
}
