// SPDX-License-Identifier: Apache-2.0
//
// Charts: uPlot makes axes, grid, cursor and selection, and what is in them is drawn here, of the
// connections' own columns.

const AXIS = 84;  // pixels beside a chart: the same for all, so that moments stand below each other
const ROW = 22;
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [14, 4], [4, 8]];

const view = {min: 0, max: 1};  // moments of the axis, in seconds
const full = {min: 0, max: 1};
const theme = {};

// Of #rrggbb, as WCAG 2 has it.
function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255)
    .map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  for (const name of ["text", "faint", "grid", "panel", "neutral"]) theme[name] = get("--" + name);
  theme.series = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => get("--series-" + i));
  theme.onSeries = theme.series.map((c) => luminance(c) > 0.18 ? "#000000" : "#ffffff");
}

function element(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    if (name.includes("-") || name === "role" || name === "for") e.setAttribute(name, value);
    else e[name] = value;
  e.append(...children);
  return e;
}

const many = () => connections.filter((c) => c.shown).length > 1;
const colourOf = (c) => theme.series[(c.number - 1) % theme.series.length];

// A short piece of a line as it is drawn, on a canvas: colours of the page cannot be set as text.
function drawSample(canvas, colour, dash) {
  const ratio = devicePixelRatio || 1, ctx = canvas.getContext("2d");
  canvas.width = 26 * ratio;
  canvas.height = 10 * ratio;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2.5 * ratio;
  ctx.setLineDash(dash.map((n) => n * ratio));
  ctx.moveTo(0, 5 * ratio);
  ctx.lineTo(26 * ratio, 5 * ratio);
  ctx.stroke();
}

function placeOf(u) {
  const ratio = u.ctx.canvas.width / u.width, {left, top, width, height} = u.bbox;
  const perMoment = width / (view.max - view.min);
  const s = u.scales.y, perValue = height / (s.max - s.min);
  return {left, top, width, height, ratio, x: (m) => left + (m - view.min) * perMoment,
    y: (v) => top + height - (v - s.min) * perValue};
}

// Steps of the clock where seconds make minutes.
const STEPS = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05,
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200,
  86400, 172800, 604800, 2592000, 7776000, 31536000, 315360000, 3153600000];

// Ticks stand at whole steps of the clock, not of the distance from the page's first record.
function momentTicks(u, axis, min, max, step) {
  const origin = time.byClock ? data.begin_ms / 1000 % 86400 + data.begin_rest_ns / 1e9 : 0;
  const ticks = [];
  for (let t = Math.ceil((min + origin) / step) * step - origin; t <= max; t += step) ticks.push(t);
  return ticks;
}

function momentTexts(u, ticks, axis, space, step) {
  if (!time.byClock) return ticks.map((t) => Math.abs(t) < step / 2 ? "0" : span(t));
  const digits = step >= 1 ? 0 : step >= 1e-3 ? 3 : 6;
  if (step >= 86400)
    return ticks.map((t) => new Date(data.begin_ms + t * 1000 + 1).toISOString().slice(0, 10));
  return ticks.map((t) => time.text(t + 1e-7, digits));
}

class Panel {
  constructor(parent, id, title, height) {
    this.chips = element("div", {className: "chips"});
    this.plot = element("div", {className: "plot", tabIndex: 0, role: "img"});
    this.values = element("table", {className: "values"});
    this.box = element("section", {className: "panel", id: "panel-" + id},
      element("h3", {id: id + "-title"}, title), this.chips,
      element("div", {className: "beside"}, this.plot, element("div", {className: "readout"}, this.values)));
    this.plot.setAttribute("aria-label", title);
    this.title = title;
    this.height = height;
    parent.append(this.box);
  }

  make() {
    if (this.u) this.u.destroy();
    this.plot.replaceChildren();
    const axis = {stroke: () => theme.text, grid: {stroke: () => theme.grid, width: 1},
      ticks: {stroke: () => theme.grid, width: 1}, font: "12px system-ui, sans-serif"};
    this.u = new uPlot({
      width: Math.max(this.plot.clientWidth, 200), height: this.height,
      legend: {show: false}, padding: [8, 36, 0, 0],
      cursor: {
        y: false, points: {show: false}, drag: {x: true, y: false, setScale: false},
        sync: {key: "tcpinfo", setSeries: false, scales: ["x", null],
          filters: {pub: (type) => !["mousedown", "mouseup", "dblclick"].includes(type), sub: () => true}},
        bind: {dblclick: () => () => { zoomTo(full.min, full.max); return null; }},
      },
      scales: {x: {time: false, range: () => [view.min, view.max]}, y: {range: () => this.range()}},
      axes: [
        {...axis, size: 34, space: 90, incrs: STEPS, splits: momentTicks, values: momentTexts},
        {...axis, size: AXIS, ...this.valueAxis()},
      ],
      series: [{}, {show: true, stroke: "transparent"}],
      hooks: {
        draw: [(u) => this.draw(u)],
        setCursor: [(u) => { if (u.cursor.left >= 0) pointTo(u.posToVal(u.cursor.left, "x")); }],
        setSelect: [(u) => {
          const {left, width} = u.select;
          if (width < 3) return;
          const a = u.posToVal(left, "x"), b = u.posToVal(left + width, "x");
          u.setSelect({left: 0, width: 0, top: 0, height: 0}, false);
          zoomTo(a, b);
        }],
      },
    }, [[full.min, full.max], [null, null]], this.plot);
  }

  redraw() { if (this.u) this.u.redraw(true, true); }
  zoom() { this.u.setScale("x", {min: view.min, max: view.max}); }
  resize() { this.u.setSize({width: Math.max(this.plot.clientWidth, 200), height: this.height}); }
}

class LinePanel extends Panel {
  constructor(parent, said) {
    super(parent, said.id, said.title, 200);
    this.unit = UNITS[said.unit];
    this.bits = said.unit === "rate";
    this.lines = said.lines.filter((l) => connections.some((c) => c.has(l.column)));
    this.choose();
    this.makeChips();
  }

  // At first: all that is not `off`, of several connections the main ones.
  choose() {
    for (const l of this.lines) l.on = many() ? Boolean(l.main) : !l.off;
    if (this.lines.length && !this.lines.some((l) => l.on)) this.lines[0].on = true;
  }

  makeChips() {
    this.chips.replaceChildren(...this.lines.map((l, i) => {
      l.sample = element("canvas", {className: "sample", "aria-hidden": "true"});
      l.dash = DASHES[i % DASHES.length];
      l.number = i;
      l.chip = element("button", {type: "button", className: "chip", onclick: () => {
        l.on = !l.on;
        this.update();
      }}, l.sample, l.name);
      return l.chip;
    }));
  }

  shown() {
    const all = [];
    for (const connection of connections) {
      if (!connection.shown) continue;
      for (const line of this.lines)
        if (line.on && connection.has(line.column)) all.push({connection, line});
    }
    return all;
  }

  style(entry) {
    return many() ? {colour: colourOf(entry.connection), dash: entry.line.dash}
      : {colour: theme.series[entry.line.number % theme.series.length], dash: entry.line.dash};
  }

  range() {
    let most = 0;
    for (const {connection, line} of this.shown()) {
      const {from, to} = visible(connection, view);
      findExtremes(connection.column(line.column), from, to);
      if (extremes.most > most) most = extremes.most;
    }
    return [0, most > 0 ? 1.05 * most : 1];
  }

  valueAxis() {
    // Bits where bytes are meant: ticks at round numbers of them.
    const splits = !this.bits ? {} : {splits: (u, axis, min, max) => {
      const rough = 8 * (max - min) / 4, power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) / 8, ticks = [];
      for (let t = 0; t <= max; t += step) ticks.push(t);
      return ticks;
    }};
    return {...splits, values: (u, ticks) => ticks.map((t) => this.unit(t))};
  }

  draw(u) {
    const place = placeOf(u), ctx = u.ctx;
    ctx.save();
    ctx.beginPath();
    ctx.rect(place.left, place.top, place.width, place.height);
    ctx.clip();
    ctx.lineJoin = "round";
    ctx.lineCap = "round";
    ctx.lineWidth = 1.6 * place.ratio;
    for (const entry of this.shown()) {
      const {colour, dash} = this.style(entry);
      ctx.strokeStyle = colour;
      const {from, to} = visible(entry.connection, view);
      // Dashes of a line that goes up and down in each pixel say nothing and take long.
      ctx.setLineDash(to - from > 3 * place.width ? [] : dash.map((n) => n * place.ratio));
      drawLine(ctx, entry.connection, entry.connection.column(entry.line.column),
        entry.line.draw || "step", view, place);
    }
    ctx.restore();
  }

  // After a change of what is shown, or of colours.
  update() {
    for (const l of this.lines) {
      l.chip.setAttribute("aria-pressed", String(l.on));
      drawSample(l.sample, many() ? theme.text : theme.series[l.number % theme.series.length], l.dash);
    }
    this.cells = this.shown().map((entry) => {
      const sample = element("canvas", {className: "sample", "aria-hidden": "true"});
      const {colour, dash} = this.style(entry);
      drawSample(sample, colour, dash);
      const value = element("td", {className: "value"});
      const name = (many() ? entry.connection.number + " " : "") + entry.line.name;
      this.lastRow = element("tr", {}, element("td", {}, sample), element("th", {scope: "row"}, name), value);
      return {entry, value, row: this.lastRow};
    });
    this.values.replaceChildren(...this.cells.map((c) => c.row));
    this.redraw();
  }

  point(moment) {
    for (const {entry, value} of this.cells) {
      const {connection, line} = entry;
      let i = recordAt(connection, moment);
      // What is of the time between two records is told of that which the moment lies in.
      if (line.draw === "before") i = Math.min(i + 1, connection.rows - 1);
      const n = i < 0 || moment > connection.end ? NaN : connection.column(line.column)[i];
      const text = this.unit(n);
      if (value.textContent !== text) value.textContent = text;
    }
  }
}

class BandPanel extends Panel {
  constructor(parent, band) {
    super(parent, band.id, band.title, 0);
    this.band = band;
    for (const k of band.key || []) {
      k.sample = element("canvas", {className: "sample", "aria-hidden": "true"});
      this.chips.append(element("span", {className: "key"}, k.sample, k.name));
    }
  }

  entries() { return this.band.entries().filter((e) => e.connection.shown); }
  make() {
    this.count = this.entries().length;
    this.box.hidden = this.count === 0;
    this.height = this.count * ROW + 44;
    if (this.box.hidden) {
      if (this.u) this.u.destroy();
      this.u = null;
    } else super.make();
  }
  range() { return [0, 1]; }
  zoom() { if (this.u) super.zoom(); }
  resize() { if (this.u) super.resize(); }
  valueAxis() { return {splits: () => [], values: () => [], grid: {show: false}, ticks: {show: false}}; }

  draw(u) {
    const place = placeOf(u), ctx = u.ctx, rowHeight = place.height / this.count;
    ctx.save();
    ctx.font = 12 * place.ratio + "px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    this.entries().forEach((entry, i) => {
      const row = {top: place.top + i * rowHeight + place.ratio, height: rowHeight - 4 * place.ratio};
      const y = row.top + row.height / 2;
      ctx.fillStyle = theme.text;
      ctx.textAlign = "right";
      ctx.fillText((connections.length > 1 ? entry.connection.number + " " : "") + entry.label,
        place.left - 8 * place.ratio, y);
      if (many()) {
        ctx.fillStyle = colourOf(entry.connection);
        ctx.fillRect(place.left - 5 * place.ratio, row.top, 3 * place.ratio, row.height);
      }
      ctx.textAlign = "left";
      ctx.save();
      ctx.beginPath();
      ctx.rect(place.left, place.top, place.width, place.height);
      ctx.clip();
      this.band.draw(ctx, entry, row, view, place, theme);
      ctx.restore();
    });
    ctx.restore();
  }

  update() {
    if (this.count !== this.entries().length) this.make();
    for (const k of this.band.key || []) drawSample(k.sample, theme.series[k.colour - 1], []);
    this.cells = this.entries().map((entry) => {
      const value = element("td", {className: "value said"});
      const name = (connections.length > 1 ? entry.connection.number + " " : "") + entry.label;
      return {entry, value, row: element("tr", {}, element("th", {scope: "row"}, name), value)};
    });
    this.values.replaceChildren(...this.cells.map((c) => c.row));
    this.redraw();
  }

  point(moment) {
    for (const {entry, value} of this.cells) {
      const c = entry.connection;
      const text = moment < c.begin || moment > c.end ? "–" : this.band.say(entry, moment);
      if (value.textContent !== text) value.textContent = text;
    }
  }
}
