// SPDX-License-Identifier: Apache-2.0
//
// Stretches of time: causes, limits and states, a row for each connection.

function bandText(ctx, text, x, width, y, ratio) {
  if (width < 30 * ratio) return;
  const room = width - 8 * ratio;
  let shown = text;
  if (ctx.measureText(shown).width > room) {
    while (shown.length > 3 && ctx.measureText(shown + "…").width > room) shown = shown.slice(0, -1);
    if (shown.length <= 3) return;
    shown += "…";
  }
  ctx.fillText(shown, x + 4 * ratio, y);
}

function hatch(ctx, x, y, width, height, ratio) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.beginPath();
  for (let at = x - height; at < x + width; at += 6 * ratio) {
    ctx.moveTo(at, y + height);
    ctx.lineTo(at + height, y);
  }
  ctx.stroke();
  ctx.restore();
}

// One stretch from moment a to b, cut to the view.
function drawStretch(ctx, a, b, row, place, theme, colour, text) {
  const x = Math.max(place.x(a), place.left), end = Math.min(place.x(b), place.left + place.width);
  if (end <= x) return;
  const width = Math.max(end - x, 1);
  ctx.fillStyle = colour > 0 ? theme.series[colour - 1] : theme.neutral;
  ctx.fillRect(x, row.top, width, row.height);
  if (colour < 0) { ctx.strokeStyle = theme.faint; ctx.lineWidth = place.ratio; hatch(ctx, x, row.top, width, row.height, place.ratio); }
  ctx.fillStyle = colour > 0 ? theme.onSeries[colour - 1] : theme.text;
  bandText(ctx, text, x, width, row.top + row.height / 2, place.ratio);
  ctx.fillStyle = theme.panel;
  if (width > 3 * place.ratio) ctx.fillRect(end - place.ratio, row.top, place.ratio, row.height);
}

function drawCauses(ctx, entry, row, view, place, theme) {
  const shift = entry.connection.shift;
  for (const p of entry.verdict.phases)
    drawStretch(ctx, shift + p.begin_ns / 1e9, shift + p.end_ns / 1e9, row, place, theme,
      CAUSES[p.cause] ?? 0, p.cause.replaceAll("_", " "));
}

function drawStates(ctx, entry, row, view, place, theme) {
  const c = entry.connection, states = c.column("state");
  const {from, to} = visible(c, view);
  let i = from, drawn = -Infinity;
  while (i < to) {
    let end = i + 1;
    while (end < to && states[end] === states[i]) ++end;
    const a = c.times[i] + c.shift, b = c.times[Math.min(end, c.rows - 1)] + c.shift;
    // The last record's state is seen at one moment: it gets a mark.
    const until = end >= c.rows ? Math.max(b, a + (view.max - view.min) * 4 * place.ratio / place.width) : b;
    if (place.x(until) - drawn >= 1) {
      drawStretch(ctx, a, until, row, place, theme, states[i] === 1 ? 3 : states[i] === 7 ? 7 : 5,
        stateName(states[i]));
      drawn = place.x(until);
    }
    i = end;
  }
}

// A counter at a moment, between two records in proportion.
function counterAt(c, values, t, next) {
  if (next <= 0) return values[0];
  if (next >= c.rows) return values[c.rows - 1];
  const a = c.times[next - 1], b = c.times[next];
  return values[next - 1] + (values[next] - values[next - 1]) * (t - a) / (b - a);
}

// Parts of the time from moment a to b: by the peer's window, by the send buffer, busy by neither.
// null where the counters say nothing of it.
function sharesOf(c, a, b) {
  const from = Math.max(a - c.shift, 0), to = Math.min(b - c.shift, c.seconds);
  if (!(to > from)) return null;
  const i = lowerBound(c.times, from), j = lowerBound(c.times, to, i);
  const grown = (name) => {
    const values = c.column(name);
    if (!values) return 0;
    const n = (counterAt(c, values, to, j) - counterAt(c, values, from, i)) / 1e6 / (to - from);
    return Number.isNaN(n) ? NaN : Math.min(Math.max(n, 0), 1);
  };
  const busy = grown("busy_time_us");
  if (Number.isNaN(busy)) return null;
  const peer = Math.min(grown("rwnd_limited_us") || 0, busy);
  const buffer = Math.min(grown("sndbuf_limited_us") || 0, busy - peer);
  return [peer, buffer, busy - peer - buffer];
}

function drawLimits(ctx, entry, row, view, place, theme) {
  const c = entry.connection, perPixel = (view.max - view.min) / place.width;
  for (let px = 0; px < place.width; ++px) {
    const a = view.min + px * perPixel;
    if (a > c.end || a + perPixel < c.begin) continue;
    const shares = sharesOf(c, a, a + perPixel);
    if (!shares) continue;
    let y = row.top + row.height;
    shares.forEach((share, i) => {
      if (share <= 0) return;
      const height = share * row.height;
      y -= height;
      ctx.fillStyle = theme.series[LIMITS[i].colour - 1];
      ctx.fillRect(place.left + px, y, 1, height);
    });
  }
  ctx.fillStyle = theme.faint;
  ctx.fillRect(place.x(Math.max(c.begin, view.min)), row.top + row.height, Math.max(place.x(Math.min(c.end, view.max)) - place.x(Math.max(c.begin, view.min)), 0), place.ratio);
}

const percent = (n) => (100 * n).toFixed(0) + SPACE + "%";

// What a panel of bands draws, and what it says of a moment: entries of {connection, label}.
const BANDS = [
  {id: "causes", title: "What limited it", draw: drawCauses,
    entries: () => connections.flatMap((c) => c.said.verdicts.filter((v) => v.phases.length)
      .map((v) => ({connection: c, verdict: v, label: v.view}))),
    say(entry, moment) {
      const ns = (moment - entry.connection.shift) * 1e9;
      const p = entry.verdict.phases.find((one) => one.begin_ns <= ns && ns <= one.end_ns);
      return p ? p.cause.replaceAll("_", " ") + ": " + p.sentence : "–";
    }},
  {id: "limits", title: "Limits: busy time and what stalled it", draw: drawLimits, key: LIMITS,
    entries: () => connections.filter((c) => c.has("busy_time_us") && c.last("busy_time_us") > 0)
      .map((c) => ({connection: c, label: "limits"})),
    say(entry, moment) {
      const c = entry.connection, i = recordAt(c, moment);
      const shares = i < 0 ? null : i + 1 < c.rows
        ? sharesOf(c, c.times[i] + c.shift, c.times[i + 1] + c.shift) : null;
      if (!shares) return "–";
      return LIMITS.map((l, n) => l.name + " " + percent(shares[n])).join(", ");
    }},
  {id: "states", title: "State", draw: drawStates,
    entries: () => connections.map((c) => ({connection: c, label: "state"})),
    say(entry, moment) {
      const i = recordAt(entry.connection, moment);
      return i < 0 ? "–" : stateName(entry.connection.column("state")[i]);
    }},
];
