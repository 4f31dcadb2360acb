// SPDX-License-Identifier: Apache-2.0
//
// Lines of up to a hundred thousand records each. Of blocks of records the extremes are known, so
// that a chart reads a few numbers a pixel, and the least and the largest value of each pixel are drawn.

const BLOCK = 64;
const pyramids = new WeakMap();

function pyramidOf(values) {
  let found = pyramids.get(values);
  if (found) return found;
  const blocks = Math.ceil(values.length / BLOCK);
  found = {least: new Float64Array(blocks).fill(Infinity), most: new Float64Array(blocks).fill(-Infinity)};
  for (let i = 0; i < values.length; ++i) {
    const v = values[i], b = i / BLOCK | 0;
    if (v < found.least[b]) found.least[b] = v;
    if (v > found.most[b]) found.most[b] = v;
  }
  pyramids.set(values, found);
  return found;
}

// The least and the largest of values[from, to), in extremes.least and .most; Infinity and -Infinity
// where none is a number.
const extremes = {least: 0, most: 0};
function findExtremes(values, from, to) {
  let least = Infinity, most = -Infinity, i = from;
  const blocks = pyramidOf(values);
  while (i < to) {
    if (i % BLOCK === 0 && i + BLOCK <= to) {
      const b = i / BLOCK;
      if (blocks.least[b] < least) least = blocks.least[b];
      if (blocks.most[b] > most) most = blocks.most[b];
      i += BLOCK;
      continue;
    }
    const v = values[i++];
    if (v < least) least = v;
    if (v > most) most = v;
  }
  extremes.least = least;
  extremes.most = most;
}

// The records that a view of the axis shows, with one more on either side: [from, to).
function visible(connection, view) {
  const from = Math.max(recordAt(connection, view.min), 0);
  const to = Math.min(lowerBound(connection.times, view.max - connection.shift, from) + 1, connection.rows);
  return {from, to};
}

// Draws one column. `place`: left, width, x(moment), y(value) in pixels of the canvas.
function drawLine(ctx, connection, values, draw, view, place) {
  const {from, to} = visible(connection, view);
  ctx.beginPath();
  if (to - from > 3 * place.width) drawDense(ctx, connection, values, draw, view, place, from, to);
  else drawEach(ctx, connection, values, draw, place, from, to);
  ctx.stroke();
}

function drawEach(ctx, connection, values, draw, place, from, to) {
  let down = false, last = 0;
  const dots = to - from < place.width / 8;
  for (let i = from; i < to; ++i) {
    const v = values[i];
    if (Number.isNaN(v)) { down = false; continue; }
    const x = place.x(connection.times[i] + connection.shift), y = place.y(v);
    if (draw === "before" && i > 0) {
      const since = place.x(connection.times[i - 1] + connection.shift);
      if (down) ctx.lineTo(since, y);
      else ctx.moveTo(since, y);
      ctx.lineTo(x, y);
    } else if (down) {
      if (draw !== "line") ctx.lineTo(x, last);
      ctx.lineTo(x, y);
    } else {
      ctx.moveTo(x, y);
      ctx.lineTo(x + 0.01, y);  // a dot where nothing follows: the ends of lines are round
    }
    if (dots) { ctx.moveTo(x + 2 * place.ratio, y); ctx.arc(x, y, 2 * place.ratio, 0, 7); ctx.moveTo(x, y); }
    down = true;
    last = y;
  }
}

function drawDense(ctx, connection, values, draw, view, place, from, to) {
  const perPixel = (view.max - view.min) / place.width;
  let down = false, last = 0, i = from;
  for (let px = 0; px <= place.width && i < to; ++px) {
    const edge = view.min + (px + 1) * perPixel - connection.shift;
    let end = i;
    // Some records further, or many: by doubled steps, then between.
    let step = 1;
    while (end + step < to && connection.times[end + step] < edge) { end += step; step *= 2; }
    end = Math.min(lowerBound(connection.times, edge, end), to);
    if (end === i) continue;
    findExtremes(values, i, end);
    if (extremes.least > extremes.most) { down = false; i = end; continue; }
    const first = Number.isNaN(values[i]) ? extremes.least : values[i];
    const final = Number.isNaN(values[end - 1]) ? extremes.most : values[end - 1];
    const x = place.left + px + 0.5;
    if (down) {
      if (draw !== "line") ctx.lineTo(x, last);
      ctx.lineTo(x, place.y(first));
    } else {
      ctx.moveTo(x, place.y(first));
    }
    ctx.lineTo(x, place.y(extremes.least));
    ctx.lineTo(x, place.y(extremes.most));
    last = place.y(final);
    ctx.lineTo(x, last);
    down = true;
    i = end;
  }
}
