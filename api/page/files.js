// A file as titles: of text, of JSON lines, or of a table as people save them.

const TITLES = ["title", "name", "product", "product name", "product title", "produktname", "titel", "标题", "商品标题", "商品名称", "名称", "产品名称"];

// UTF-8, else what Chinese spreadsheets write.
async function textOf(file) {
  const bytes = await file.arrayBuffer();
  try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return new TextDecoder("gb18030").decode(bytes); }
}

function cells(line, cut) {
  const found = [];
  let [text, quoted] = ["", false];
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '"') {
      if (quoted && line[i + 1] === '"') { text += '"'; i++; } else quoted = !quoted;
    } else if (line[i] === cut && !quoted) { found.push(text); text = ""; } else text += line[i];
  }
  return [...found, text].map((one) => one.trim());
}

// A file as titles: one a line, the `title` of JSON lines, or the column of titles of a table: by its name, else the
// one with the longest texts.
export async function read(file) {
  const lines = (await textOf(file)).replace(/^\uFEFF/, "").split(/\r?\n/).filter((line) => line.trim());
  if (/\.jsonl$/i.test(file.name)) return lines.map((line) => { const row = JSON.parse(line); return typeof row === "string" ? row : row.title || ""; }).filter(Boolean);
  if (!/\.(csv|tsv)$/i.test(file.name) || !lines.length) return lines;
  const cut = ["\t", ";", ","].map((one) => [one, lines[0].split(one).length]).sort((a, b) => b[1] - a[1])[0][0];
  const rows = lines.map((line) => cells(line, cut));
  const named = rows[0].findIndex((name) => TITLES.includes(name.toLowerCase()));
  if (named >= 0) return rows.slice(1).map((row) => row[named]).filter(Boolean);
  const length = (column) => rows.reduce((sum, row) => sum + (row[column] || "").length, 0);
  const longest = rows[0].map((_, column) => column).sort((a, b) => length(b) - length(a))[0];
  return rows.map((row) => row[longest]).filter(Boolean);
}
