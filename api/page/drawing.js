// The drawing of a graph: where nodes stand, which labels there is room for, how kinds and relations look.

// The library adds its one rule as a style element, which the page's policy forbids, unless it finds this one there.
const RULE = "__________cytoscape_stylesheet";
if (!document.getElementById(RULE)) document.head.append(Object.assign(document.createElement("meta"), { id: RULE }));
const { default: cytoscape } = await import("./vendor/cytoscape.js");

const HEIGHT = 34;
const RING = 40;
const ORDER = ["taxonomy", "like_it", "goes_with", "below", "facets"]; // Clockwise, the first one above.
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

const pen = document.createElement("canvas").getContext("2d");
const widthOf = (text, px = 12) => { pen.font = `${px}px system-ui, sans-serif`; return pen.measureText(text).width; };

const wide = (node) => Math.min(150, Math.max(46, widthOf(node.label) + 14));
const apart = (a, b) => Math.abs(a.x - b.x) >= (a.w + b.w) / 2 || Math.abs(a.y - b.y) >= HEIGHT;

// Places for new nodes: rings around the node that brought them in, each group in an arc of its own. Old ones stay, but
// for a node that is opened: it moves out of the crowd, to where there is room for what it brings.
function place(places, nodes, centre, stretch) {
  const all = [...places.values()];
  const put = (node, x, y) => { const one = { x, y, w: wide(node) }; places.set(node.id, one); all.push(one); };
  const free = (x, y, w) => all.every((one) => apart(one, { x, y, w }));
  if (!places.has(centre)) put(nodes.get(centre), 0, 0);
  for (const node of nodes.values()) {
    if (node.group !== "path" || places.has(node.id)) continue;
    // Up and down in turn, so that long labels have room.
    for (let n = 0, y = node.step % 2 * 50; ; n++, y += (n % 2 ? 1 : -1) * n * 100) if (free(node.step * 210, y, 160)) { put(node, node.step * 210, y); break; }
  }
  const brought = new Map();
  for (const node of nodes.values()) if (!places.has(node.id)) brought.set(node.from, [...(brought.get(node.from) || []), node]);
  for (const [from, some] of brought) {
    const hub = places.get(from);
    if (from !== centre) moveOut(hub, places.get(nodes.get(from).from), all, some.length, stretch);
    around(hub, some, put, free, stretch);
  }
}

function moveOut(hub, home, all, count, stretch) {
  const radius = 75 + 30 * Math.sqrt(count);
  const clear = (x, y) => all.every((one) => one === hub || Math.hypot((one.x - x) / stretch, one.y - y) > radius);
  const way = Math.atan2((hub.y - home.y) * stretch, hub.x - home.x);
  for (let far = 0; far < 6000; far += 60)
    for (const turn of [0, 0.35, -0.35, 0.7, -0.7, 1.05, -1.05]) {
      const x = Math.round(hub.x + stretch * far * Math.cos(way + turn)), y = Math.round(hub.y + far * Math.sin(way + turn));
      if (clear(x, y)) return Object.assign(hub, { x, y });
    }
}

function around(hub, some, put, free, stretch) {
  const groups = ORDER.map((name) => some.filter((one) => (ORDER.includes(one.group) ? one.group : "taxonomy") === name)).filter((group) => group.length);
  const size = (group) => Math.sqrt(group.length) + 1;
  const total = groups.reduce((sum, group) => sum + size(group), 0);
  const arcOf = (group) => size(group) / total * 2 * Math.PI;
  let angle = (hub.x || hub.y ? Math.atan2(hub.y * stretch, hub.x) : -Math.PI / 2) - arcOf(groups[0]) / 2;
  for (const group of groups) {
    const arc = arcOf(group);
    const left = [...group];
    for (let r = 105; left.length; r += RING) {
      const count = Math.min(left.length, Math.max(1, Math.floor(arc * r * 1.25 / 52)));
      for (let spot = 0; spot < count && left.length; spot++) {
        const turn = angle + arc * (spot + 0.5) / count;
        const x = Math.round(hub.x + stretch * r * Math.cos(turn)), y = Math.round(hub.y + r * Math.sin(turn));
        if (free(x, y, wide(left[0]))) put(left.shift(), x, y);
      }
    }
    angle += arc;
  }
}

const ARROWS = { broader: "triangle", value_of: "triangle", applies_to: "vee", replaced_by: "triangle", excludes: "tee" };
const LINES = ["broader", "value_of", "applies_to", "related", "excludes", "exact_match", "close_match", "replaced_by", "sibling", "occurs_with", "similar"];

function looks(box, zoom) {
  const style = getComputedStyle(box);
  const colour = (name) => style.getPropertyValue(name).trim();
  const scaled = (px) => () => px / zoom();
  const size = (px) => () => px / Math.sqrt(zoom());
  const label = { "text-opacity": 1, "text-background-opacity": 0.9, "text-background-padding": scaled(2), "z-index": 10 };
  return [
    { selector: "node", style: { label: "data(label)", width: size(13), height: size(13), "font-size": scaled(12), "font-family": "system-ui, PingFang SC, Noto Sans CJK SC, sans-serif",
      color: colour("--ink"), "text-opacity": 0, "text-events": "yes", "text-valign": "bottom", "text-margin-y": scaled(3), "text-max-width": scaled(190), "text-wrap": "ellipsis", "text-background-color": colour("--card"), "text-background-opacity": 0, "text-background-shape": "roundrectangle", "min-zoomed-font-size": 6, "border-width": 0, "overlay-opacity": 0 } },
    ...["category", "attribute", "value"].map((kind) => ({ selector: `node[kind = "${kind}"]`, style: { "background-color": colour(`--${kind}`), shape: { category: "ellipse", attribute: "round-diamond", value: "round-rectangle" }[kind] } })),
    { selector: "edge", style: { width: size(1.3), "curve-style": "straight", opacity: 0.55, "arrow-scale": 0.8, "overlay-opacity": 0, events: "yes" } },
    ...LINES.map((type) => ({ selector: `edge[relation = "${type}"]`, style: { "line-color": colour(`--${type}`), "target-arrow-color": colour(`--${type}`), "target-arrow-shape": ARROWS[type] || "none" } })),
    { selector: "edge[weak]", style: { "line-style": "dashed", "line-dash-pattern": [5, 4] } },
    { selector: ".named", style: { "text-opacity": 1, "text-background-opacity": 0.75 } },
    { selector: "node[?open]", style: { width: size(19), height: size(19), "font-weight": "bold" } },
    { selector: "node.centre", style: { width: size(26), height: size(26), "font-weight": "bold", "border-width": size(3), "border-color": colour("--card"), "outline-width": size(2), "outline-color": colour("--category") } },
    { selector: ".aside", style: { opacity: 0.2 } },
    { selector: "edge.lit", style: { opacity: 1, width: size(2.4) } },
    { selector: "node.at", style: { ...label, "border-width": size(3), "border-color": colour("--accent"), "font-weight": "bold" } },
    { selector: "node.over", style: label },
  ];
}

export class Drawing {
  constructor(box, { select, expand }) {
    this.box = box;
    this.places = new Map();
    this.stretch = Math.min(1.5, Math.max(0.75, box.clientWidth / box.clientHeight || 1)); // As wide as there is room.
    const cy = this.cy = cytoscape({ container: box, style: looks(box, () => this.cy?.zoom() ?? 1), minZoom: 0.08, maxZoom: 2.5, boxSelectionEnabled: false, selectionType: "single" });
    // The library takes clicks on two nodes, one soon after the other, for a double click.
    let last = { id: "", at: 0 };
    cy.on("tap", ({ target, timeStamp }) => {
      const id = target === cy ? "" : target.isNode() ? target.id() : target.data("target");
      const twice = id && id === last.id && timeStamp - last.at < 400;
      last = { id: twice ? "" : id, at: timeStamp };
      if (twice) expand(id); else select(id);
    });
    cy.on("mouseover", "node", (event) => { event.target.addClass("over"); box.classList.add("pointing"); });
    cy.on("mouseout", "node", (event) => { event.target.removeClass("over"); box.classList.remove("pointing"); });
    cy.on("dragfree", "node", ({ target }) => { Object.assign(this.places.get(target.id()), target.position()); this.name(); });
    cy.on("viewport", () => this.later());
    this.repaint = () => { cy.style(looks(box, () => cy.zoom())); this.name(); };
    dark.addEventListener("change", this.repaint);
    this.size = new ResizeObserver(() => { cy.resize(); this.fit(); });
    this.size.observe(box);
  }

  end() {
    dark.removeEventListener("change", this.repaint);
    this.size.disconnect();
    cancelAnimationFrame(this.frame);
    this.cy.destroy();
  }

  // Draw a graph; what was there before stays where it is.
  show(graph, centre) {
    const { cy, places } = this;
    place(places, graph.nodes, centre, this.stretch);
    const wanted = new Set([...graph.nodes.keys(), ...graph.edges.map((one) => one.id)]);
    const elements = [
      ...[...graph.nodes.values()].map((node) => ({ group: "nodes", data: { id: node.id, label: node.label, kind: node.kind, open: Boolean(node.open), score: node.score, onPath: Boolean(node.onPath), end: Boolean(node.onPath && node.step === node.last) }, position: { x: places.get(node.id).x, y: places.get(node.id).y } })),
      ...graph.edges.map((edge) => ({ group: "edges", data: { id: edge.id, source: edge.source, target: edge.target, relation: edge.relation, score: edge.score, ...(edge.evidence.some((one) => one.type === "asserted") ? {} : { weak: true }) } })),
    ];
    cy.batch(() => {
      cy.elements().filter((one) => !wanted.has(one.id())).remove();
      for (const one of elements) { const old = cy.$id(one.data.id); if (old.length) { old.data(one.data); if (one.position) old.position(one.position); } else cy.add(one); }
      cy.nodes().removeClass("centre");
      cy.$id(centre).addClass("centre");
    });
    for (const id of [...places.keys()]) if (!graph.nodes.has(id)) places.delete(id);
    this.fit();
  }

  // Light up a node and what it is linked with; without one, the paths, if there are any.
  mark(id) {
    const { cy } = this;
    cy.batch(() => {
      cy.elements().removeClass("at aside lit");
      const node = cy.$id(id || "");
      const ways = cy.nodes("[?onPath]");
      const kept = node.length ? node.closedNeighborhood() : ways.length ? ways.union(ways.edgesWith(ways)) : cy.elements();
      cy.elements().difference(kept).addClass("aside");
      if (node.length) { node.addClass("at"); node.connectedEdges().addClass("lit"); } else if (ways.length) kept.edges().addClass("lit");
    });
    this.name();
  }

  fit() {
    const { cy } = this;
    if (!cy.elements().length || !cy.width() || !cy.height()) return;
    const { x1, y1, w, h } = cy.elements().boundingBox({ includeLabels: false, includeOverlays: false });
    const zoom = Math.min(1.25, (cy.width() - Math.min(210, cy.width() / 3)) / Math.max(w, 1), (cy.height() - 70) / Math.max(h, 1));
    const pan = { x: cy.width() / 2 - zoom * (x1 + w / 2), y: cy.height() / 2 - 8 - zoom * (y1 + h / 2) };
    cy.stop();
    if (still.matches || !this.shown) cy.viewport({ zoom, pan });
    else cy.animate({ zoom, pan, duration: 250 });
    this.shown = true;
    this.later();
  }

  zoom(by) {
    const { cy } = this;
    cy.zoom({ level: cy.zoom() * by, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  }

  // The nearest node in a direction.
  next(id, [dx, dy]) {
    const from = this.cy.$id(id).length ? this.cy.$id(id).position() : { x: 0, y: 0 };
    let best = id, least = Infinity;
    this.cy.nodes().forEach((node) => {
      const x = node.position("x") - from.x, y = node.position("y") - from.y;
      const ahead = x * dx + y * dy, off = Math.abs(x * dy) + Math.abs(y * dx);
      if (node.id() !== id && ahead > 0 && ahead + 2 * off < least) { least = ahead + 2 * off; best = node.id(); }
    });
    return best;
  }

  later() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.name());
  }

  // Labels keep their size on the screen; those that would cover another are left out, the most important ones first.
  name() {
    const { cy } = this;
    const zoom = cy.zoom();
    const rank = (node) => 8 * node.hasClass("at") + 4 * node.hasClass("centre") + 2 * node.data("open") + 2 * node.data("onPath") + 2 * node.data("end") - 4 * node.hasClass("aside") + node.data("score");
    const taken = [];
    const named = new Set();
    for (const node of cy.nodes().sort((a, b) => rank(b) - rank(a))) {
      const { x, y } = node.position();
      const w = Math.min(190, widthOf(node.data("label"), node.data("open") || node.hasClass("at") ? 13 : 12)) + 8;
      const box = { x: x * zoom, y: y * zoom + 6 * Math.sqrt(zoom) + 10, w };
      if (!taken.every((one) => Math.abs(one.x - box.x) >= (one.w + w) / 2 || Math.abs(one.y - box.y) >= 16)) continue;
      taken.push(box);
      named.add(node.id());
    }
    cy.batch(() => cy.nodes().forEach((node) => { node.toggleClass("named", named.has(node.id())); }));
    if (zoom !== this.styled) { this.styled = zoom; cy.style().update(); }
  }
}
