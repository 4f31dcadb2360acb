// SPDX-License-Identifier: Apache-2.0
//
// The connections, as the element "data" has them. Columns are decoded when they are first used.

function decodeColumn(packed, rows) {
  const out = new Float64Array(rows);
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; ++i) bytes[i] = text.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  if (packed.type === "f64") {
    for (let i = 0; i < rows; ++i) out[i] = view.getFloat64(8 * i, true);
    return out;
  }
  const size = {u8: 1, u16: 2, u32: 4}[packed.type];
  const absent = 2 ** (8 * size) - 1;
  for (let i = 0; i < rows; ++i) {
    const n = size === 1 ? bytes[i] : size === 2 ? view.getUint16(2 * i, true)
      : view.getUint32(4 * i, true);
    out[i] = n === absent ? NaN : packed.base + n;
  }
  return out;
}

class Connection {
  constructor(said, number) {
    this.said = said;
    this.number = number;  // from 1: its name on the page
    this.shown = true;
    this.rows = said.rows;
    this.columns = new Map();
    this.times = this.column("time_ns").map((ns) => ns / 1e9);  // seconds since its first record
    this.shift = 0;  // what its times are moved by on the axis
  }

  // Its numbers, NaN where a record has none; null where no record has one.
  column(name) {
    let found = this.columns.get(name);
    if (found === undefined) {
      const packed = this.said.columns[name];
      found = packed ? decodeColumn(packed, this.rows) : null;
      this.columns.set(name, found);
    }
    return found;
  }

  has(name) { return Boolean(this.said.columns[name]); }

  last(name) {
    const values = this.column(name);
    if (values) for (let i = values.length - 1; i >= 0; --i) if (!Number.isNaN(values[i])) return values[i];
    return NaN;
  }

  get seconds() { return this.times[this.rows - 1]; }
  get begin() { return this.shift; }
  get end() { return this.shift + this.seconds; }
  get ends() { return this.said.local + " → " + this.said.remote; }
}

// The first index of `times` from `from` on whose value is `value` or more; its length where none is.
function lowerBound(times, value, from = 0) {
  let low = from, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The record that holds at a moment of the axis: the latest that is not after it. -1 before the first.
function recordAt(connection, moment) {
  const t = moment - connection.shift;
  const next = lowerBound(connection.times, t);
  return next < connection.rows && connection.times[next] === t ? next : next - 1;
}

const data = JSON.parse(document.getElementById("data").textContent);
const connections = data.connections.map((said, i) => new Connection(said, i + 1));
