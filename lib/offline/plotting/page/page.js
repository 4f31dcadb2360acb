// SPDX-License-Identifier: Apache-2.0
//
// Puts the page together: switches, keys, one time axis for all charts.

const panels = [];
let pointed = null;  // the moment under the cursor

function place() {
  full.min = Infinity;
  full.max = -Infinity;
  for (const c of connections) {
    c.shift = time.byClock ? c.said.offset_ns / 1e9 : 0;
    if (!c.shown) continue;
    full.min = Math.min(full.min, c.begin);
    full.max = Math.max(full.max, c.end);
  }
  if (!(full.max >= full.min)) { full.min = 0; full.max = 1; }
  const margin = Math.max((full.max - full.min) * 0.01, 1e-6);
  full.min -= margin;
  full.max += margin;
}

function zoomTo(a, b) {
  const least = 2e-6;
  let min = Math.max(Math.min(a, b), full.min), max = Math.min(Math.max(a, b), full.max);
  if (max - min < least) {
    const middle = Math.min(Math.max((a + b) / 2, full.min + least), full.max - least);
    min = middle - least / 2;
    max = middle + least / 2;
  }
  if (min === view.min && max === view.max) return;
  view.min = min;
  view.max = max;
  for (const p of panels) p.zoom();
  tellRange();
}

// By a factor, around a moment that stays in place.
function zoomBy(factor, around = (view.min + view.max) / 2) {
  zoomTo(around - (around - view.min) * factor, around + (view.max - around) * factor);
}

// By a part of what is seen, as far as there is something.
function moveBy(part) {
  const width = view.max - view.min;
  const min = Math.min(Math.max(view.min + part * width, full.min), full.max - width);
  zoomTo(min, min + width);
}

function tellRange() {
  const text = (time.byClock ? time.text(view.min, 3) + " to " + time.text(view.max, 3) + " UTC"
    : span(Math.max(view.min, 0)) + " to " + span(view.max) + " after each began") +
    ", " + span(view.max - view.min);
  document.getElementById("range").textContent = text;
}

let waiting = false;
function pointTo(moment) {
  pointed = moment;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const p of panels) if (p.cells) p.point(pointed);
    document.getElementById("moment").textContent =
      (time.byClock ? time.text(pointed) + " UTC" : span(Math.max(pointed, 0)));
  });
}

// The cursor to the record so many further, of the first connection that is shown.
function step(panel, count) {
  const c = connections.find((one) => one.shown);
  if (!c) return;
  let i = pointed === null ? (count === Infinity ? c.rows - 1 : 0) : recordAt(c, pointed) + count;
  i = Math.min(Math.max(i, 0), c.rows - 1);
  const moment = c.times[i] + c.shift;
  if (moment < view.min || moment > view.max) {
    const half = (view.max - view.min) / 2;
    zoomTo(moment - half, moment + half);
  }
  pointTo(moment);
  requestAnimationFrame(() => {
    for (const p of panels) if (p.u) p.u.setCursor({left: p.u.valToPos(moment, "x"), top: 10}, false, false);
  });
}

function onKey(event, panel) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const actions = {
    ArrowLeft: () => step(panel, event.shiftKey ? -10 : -1),
    ArrowRight: () => step(panel, event.shiftKey ? 10 : 1),
    Home: () => step(panel, -Infinity), End: () => step(panel, Infinity),
    "+": () => zoomBy(0.5, pointed ?? undefined), "=": () => zoomBy(0.5, pointed ?? undefined),
    "-": () => zoomBy(2, pointed ?? undefined), "0": () => zoomTo(full.min, full.max),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function onWheel(event, panel) {
  if (!event.ctrlKey || !panel.u) return;  // without it the page scrolls
  event.preventDefault();
  const left = event.clientX - panel.u.over.getBoundingClientRect().left;
  zoomBy(event.deltaY < 0 ? 0.8 : 1.25, panel.u.posToVal(left, "x"));
}

function button(text, title, action) {
  return element("button", {type: "button", title, onclick: action, "aria-label": title}, text);
}

// Of several, one is chosen.
function choice(name, options, chosen, action) {
  const set = element("fieldset", {}, element("legend", {}, name));
  for (const [value, text] of options) {
    const id = name + "-" + value;
    const input = element("input", {type: "radio", name, id, value, checked: value === chosen,
      onchange: () => action(value)});
    set.append(input, element("label", {for: id}, text));
  }
  return set;
}

function updateAll() {
  readTheme();
  for (const c of connections) drawSample(c.sample, many() ? colourOf(c) : theme.text, []);
  for (const p of panels) p.update();
}

function setTheme(value) {
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  updateAll();
}

function setTime(value) {
  time.byClock = value === "clock";
  pointed = null;
  place();
  view.min = full.min;
  view.max = full.max;
  // Made anew: where the range stays the same, the axis would keep its texts.
  for (const p of panels) p.make();
  updateAll();
  tellRange();
}

function onSwitch() {
  place();
  zoomTo(Math.max(view.min, full.min), Math.min(view.max, full.max));
  updateAll();
}

function about() {
  const n = connections.length, records = connections.reduce((sum, c) => sum + c.said.records, 0);
  let text = n + (n === 1 ? " connection, " : " connections, ") + records.toLocaleString("en") + " records.";
  if (n === 1) {
    document.title = connections[0].ends + " – TCP over time";
    text = connections[0].ends + ": " + text;
  }
  if (data.left_out > 0) text += " " + data.left_out.toLocaleString("en") + " more connections are not on this page.";
  const thinned = connections.filter((c) => c.rows < c.said.records).length;
  if (thinned > 0)
    text += " Of " + thinned + " a part of the records is here: of each stretch those with the least and the " +
      "largest values.";
  return text;
}

function make() {
  readTheme();
  document.getElementById("about").textContent = about();
  document.getElementById("connections").append(connectionTable(onSwitch));
  document.getElementById("phases").append(phaseTable());
  time.byClock = connections.length === 1 || connections.every((c) => c.said.offset_ns === 0) ||
    overlap();
  place();
  view.min = full.min;
  view.max = full.max;
  document.getElementById("switches").append(
    button("−", "Zoom out", () => zoomBy(2)), button("+", "Zoom in", () => zoomBy(0.5)),
    button("←", "Earlier", () => moveBy(-0.5)), button("→", "Later", () => moveBy(0.5)),
    button("All", "Show all", () => zoomTo(full.min, full.max)),
    choice("Time", [["clock", "clock (UTC)"], ["since", "since each began"]],
      time.byClock ? "clock" : "since", setTime),
    choice("Theme", [["auto", "as the system"], ["light", "light"], ["dark", "dark"]], "auto", setTheme),
    element("span", {id: "moment"}));
  const parent = document.getElementById("panels");
  for (const band of BANDS) panels.push(new BandPanel(parent, band));
  for (const said of PANELS)
    if (said.lines.some((l) => connections.some((c) => c.has(l.column)))) panels.push(new LinePanel(parent, said));
  for (const p of panels) {
    p.make();
    p.plot.addEventListener("keydown", (event) => onKey(event, p));
    p.plot.addEventListener("wheel", (event) => onWheel(event, p), {passive: false});
  }
  updateAll();
  tellRange();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", updateAll);
  let width = parent.clientWidth;
  new ResizeObserver(() => {
    if (parent.clientWidth === width) return;
    width = parent.clientWidth;
    for (const p of panels) p.resize();
  }).observe(parent);
}

// Whether connections were open at the same time: else the clock's axis shows one thin line each.
function overlap() {
  const sorted = [...connections].sort((a, b) => a.said.offset_ns - b.said.offset_ns);
  return sorted.every((c, i) => i === 0 ||
    c.said.offset_ns / 1e9 <= sorted[i - 1].said.offset_ns / 1e9 + sorted[i - 1].seconds * 2);
}

if (connections.length > 0) make();
