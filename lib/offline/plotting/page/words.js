// SPDX-License-Identifier: Apache-2.0
//
// What is drawn, by which name, and how numbers are written.

const SPACE = "\u00a0";

function scaled(value, units, base) {
  if (Number.isNaN(value)) return "–";
  let i = 0, n = value;
  while (Math.abs(n) >= base && i < units.length - 1) { n /= base; ++i; }
  const digits = Math.abs(n) >= 100 || Number.isInteger(n) ? 0 : Math.abs(n) >= 10 ? 1 : 2;
  return n.toFixed(digits) + SPACE + units[i];
}

const UNITS = {
  us: (n) => Number.isNaN(n) ? "–" : n < 1000 ? n.toFixed(0) + SPACE + "µs"
    : scaled(n / 1000, ["ms", "s"], 1000),
  bytes: (n) => scaled(n, ["B", "kB", "MB", "GB", "TB", "PB"], 1000),
  rate: (n) => scaled(8 * n, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"], 1000),
  segments: (n) => Number.isNaN(n) ? "–" : n.toLocaleString("en"),
};

function span(seconds) {
  if (seconds < 1e-3) return (seconds * 1e6).toFixed(0) + SPACE + "µs";
  if (seconds < 1) return Number((seconds * 1e3).toPrecision(4)) + SPACE + "ms";
  if (seconds < 60) return Number(seconds.toPrecision(4)) + SPACE + "s";
  const s = Math.round(seconds);
  return (s >= 3600 ? Math.floor(s / 3600) + "h" : "") + Math.floor(s / 60 % 60) + "m" + s % 60 + "s";
}

// How the value of a record is drawn: "step" holds until the next record, "line" goes straight to
// it, "before" is of the time since the record before. `main`: shown also beside other connections;
// `off`: not shown at first.
const PANELS = [
  {id: "rtt", title: "Round-trip time", unit: "us", lines: [
    {column: "rtt_us", name: "smoothed", main: true},
    {column: "min_rtt_us", name: "lowest"},
    {column: "rcv_rtt_us", name: "receiver's estimate", off: true}]},
  {id: "cwnd", title: "Congestion window and data in flight (segments)", unit: "segments", lines: [
    {column: "snd_cwnd_segments", name: "congestion window", main: true},
    {column: "in_flight_segments", name: "in flight"},
    {column: "snd_ssthresh_segments", name: "slow-start threshold", off: true}]},
  {id: "rate", title: "Rates", unit: "rate", lines: [
    {column: "send_rate_bytes_per_s", name: "acknowledged", draw: "before", main: true},
    {column: "receive_rate_bytes_per_s", name: "received", draw: "before", main: true},
    {column: "delivery_rate_bytes_per_s", name: "delivery rate"},
    {column: "pacing_rate_bytes_per_s", name: "pacing rate", off: true},
    {column: "max_pacing_rate_bytes_per_s", name: "pacing bound", off: true}]},
  {id: "bytes", title: "Bytes", unit: "bytes", lines: [
    {column: "bytes_acked", name: "acknowledged", draw: "line", main: true},
    {column: "bytes_received", name: "received", draw: "line", main: true},
    {column: "bytes_sent", name: "sent, with retransmissions", draw: "line"}]},
  {id: "losses", title: "Retransmissions and losses (segments, times)", unit: "segments", lines: [
    {column: "total_retrans_segments", name: "retransmitted", main: true},
    {column: "lost_segments", name: "presumed lost now"},
    {column: "dsack_dups_segments", name: "duplicates (DSACK)"},
    {column: "total_rto", name: "timeouts"},
    {column: "reord_seen", name: "reordering seen", off: true},
    {column: "delivered_ce_segments", name: "congestion marks", off: true}]},
  {id: "windows", title: "Windows", unit: "bytes", lines: [
    {column: "snd_wnd_bytes", name: "peer's window", main: true},
    {column: "rcv_wnd_bytes", name: "own window"},
    {column: "notsent_bytes", name: "written, not sent", off: true}]},
];

// What draws causes alike: numbers of colours, 0 for what is no colour's.
const CAUSES = {
  none: 0, cannot_tell: -1,
  application: 7, delayed_ack_nagle: 7,
  peer_window: 2, peer_reads_slowly: 2, receive_autotuning: 2,
  send_buffer: 4, pacing_cap: 4,
  shaped_bottleneck: 1, bufferbloat: 1, congested_path: 1, ecn: 1,
  policer: 5, random_loss: 5, reordering: 5, host_drops: 5, mtu_hole: 5,
  rto_stall: 8, tail_loss: 8, spurious_rto: 8, handshake: 8,
  slow_start_never_left: 3, slow_start_left_early: 3, bbr_phase: 3,
};

const LIMITS = [
  {column: "rwnd_limited_us", name: "peer's window", colour: 2},
  {column: "sndbuf_limited_us", name: "send buffer", colour: 4},
  {column: "busy_time_us", name: "busy, by neither", colour: 1},
];

function stateName(number) { return data.states[number] || "state " + number; }

// Moments of the axis, as text. The clock is UTC.
const time = {
  byClock: true,
  text(moment, digits = 6) {
    if (!this.byClock) return span(Math.max(moment, 0));
    const ns = data.begin_rest_ns + moment * 1e9;
    const ms = data.begin_ms + Math.floor(ns / 1e6);
    const date = new Date(ms).toISOString();
    const rest = Math.floor(ns - Math.floor(ns / 1e6) * 1e6);
    const fraction = date.slice(20, 23) + String(Math.floor(rest / 1e3)).padStart(3, "0");
    return date.slice(11, 19) + (digits > 0 ? "." + fraction.slice(0, digits) : "");
  },
};
