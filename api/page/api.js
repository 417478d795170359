// Calls to the API. The key stays in this tab, or in this browser where somebody asks for that.

import { TEXTS } from "./texts.js";

const KEY = "kgtag-key";

export const key = () => sessionStorage.getItem(KEY) || localStorage.getItem(KEY) || "";

// `keep`: for every tab of this browser, until somebody signs out.
export function setKey(value, { keep = false } = {}) {
  for (const place of [sessionStorage, localStorage]) place.removeItem(KEY);
  if (value) (keep ? localStorage : sessionStorage).setItem(KEY, value);
}

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

export const path = (...parts) => "v1/" + parts.map(encodeURIComponent).join("/");

export function query(address, params = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(params))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null && one !== "") found.append(name, one);
  const text = found.toString();
  return text ? `${address}?${text}` : address;
}

let seen = 0;  // The version of the taxonomy that was read last: no older one is to answer, whichever process does.

async function send(address, { method = "GET", body, text, etag, signal, type } = {}) {
  const headers = { Authorization: `Bearer ${key()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (text !== undefined) headers["Content-Type"] = type || "application/x-ndjson";
  if (etag) headers["If-Match"] = `"${etag}"`;
  if (seen) headers["X-Taxonomy-Version"] = seen;
  let answer;
  try {
    answer = await fetch(address, { method, headers, signal, body: body !== undefined ? JSON.stringify(body) : text });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: TEXTS.away[document.documentElement.lang] || TEXTS.away.en });
  }
  seen = Math.max(seen, Number(answer.headers.get("X-Taxonomy-Version")) || 0);
  if (answer.ok) return answer;
  let problem = {};
  try { problem = await answer.json(); } catch { /* not a problem of the API, but of a proxy */ }
  if (problem.type === "urn:kgtag:problem:behind") seen = 0;  // A restored backup: it will not come.
  throw new ApiError(answer.status, problem);
}

export async function call(address, options) {
  const answer = await send(address, options);
  return answer.status === 204 ? null : answer.json();
}

export const get = (address, params, options) => call(query(address, params), options);
export const raw = send;

// Titles in, rows out, each as soon as it is there.
export async function* tagAll(products, { explain = true } = {}) {
  const text = products.map((one) => JSON.stringify(one)).join("\n") + "\n";
  const answer = await send(query("v1/tag/batch", { explain }), { method: "POST", text });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value || "")).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
    if (done) { if (rest) yield JSON.parse(rest); return; }
  }
}
