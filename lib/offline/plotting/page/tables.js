// SPDX-License-Identifier: Apache-2.0
//
// What the charts show, in tables: of connections, with switches, and of phases.

function tableOf(caption, headings, rows) {
  return element("table", {}, element("caption", {className: "hidden"}, caption),
    element("thead", {}, element("tr", {}, ...headings.map((h) => element("th", {scope: "col"}, h)))),
    element("tbody", {}, ...rows));
}

const cell = (text) => element("td", {}, text);

function lowest(connection) {
  const values = connection.column("min_rtt_us");
  if (!values) return NaN;
  findExtremes(values, 0, values.length);
  return extremes.least === Infinity ? NaN : extremes.least;
}

function connectionTable(onSwitch) {
  const rows = connections.map((c) => {
    c.sample = element("canvas", {className: "sample", "aria-hidden": "true"});
    const box = element("input", {type: "checkbox", checked: true, id: "show-" + c.number,
      onchange: () => { c.shown = box.checked; onSwitch(); }});
    const label = element("label", {for: "show-" + c.number}, c.sample, String(c.number));
    const records = c.said.records.toLocaleString("en") +
      (c.rows < c.said.records ? ", " + c.rows.toLocaleString("en") + " of them here" : "");
    const verdict = c.said.verdicts.map((v) => v.view + ": " + v.cause.replaceAll("_", " ") + " – " +
      v.sentence).join(" ");
    return element("tr", {}, element("td", {className: "nowrap"}, box, label), cell(c.said.local), cell(c.said.remote),
      element("td", {className: "nowrap"}, c.said.begin), cell(span(c.seconds)), cell(records), cell(UNITS.us(lowest(c))),
      cell(UNITS.bytes(c.last("bytes_acked"))), cell(UNITS.bytes(c.last("bytes_received"))),
      cell(UNITS.segments(c.last("total_retrans_segments"))), cell(c.said.congestion_control || "–"),
      cell(verdict || "–"), element("td", {className: "uuid"}, c.said.uuid));
  });
  return tableOf("Connections on this page", ["Shown", "Local", "Remote", "First record", "Recorded for",
    "Records", "Lowest RTT", "Acknowledged", "Received", "Retransmitted", "Algorithm", "What limited it",
    "UUID"], rows);
}

function phaseTable() {
  const rows = [];
  for (const c of connections)
    for (const v of c.said.verdicts)
      for (const p of v.phases)
        rows.push(element("tr", {}, cell(String(c.number)), cell(v.view), cell(span(p.begin_ns / 1e9)),
          cell(span((p.end_ns - p.begin_ns) / 1e9)), cell(p.cause.replaceAll("_", " ")), cell(p.sentence)));
  return tableOf("Phases", ["Connection", "View", "Begins after", "Lasts", "Cause", "Sentence"], rows);
}
