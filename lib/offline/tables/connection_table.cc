// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/connection_table.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "analysis/cgroup_names.h"
#include "common/decimal.h"
#include "offline/tables/parquet_columns.h"
#include "offline/text/name_patterns.h"
#include "text/values.h"
#include "text/whole_number.h"

namespace tcpinfo::offline {
namespace {

using analysis::names_of_cgroup;

/// Takes the cells of one row. A column that gives nothing has an empty one.
class row_cells {
 public:
  explicit row_cells(why_list* examined) : why(examined) {}
  virtual ~row_cells() = default;
  row_cells(const row_cells&) = delete;
  row_cells& operator=(const row_cells&) = delete;

  why_list* const why;

  virtual void begin(std::string_view name) = 0;
  virtual void end() = 0;
  virtual void number(std::uint64_t n) = 0;
  virtual void decimal(double n) = 0;
  virtual void seconds(std::int64_t ns) = 0;
  virtual void text(std::string_view text) = 0;
  virtual void time(const timestamp& t) = 0;
  virtual void boolean(bool yes) = 0;

  void number(const std::optional<std::uint64_t>& n) {
    if (n) number(*n);
  }
  void decimal(const std::optional<double>& n) {
    if (n) decimal(*n);
  }
  void seconds(const std::optional<std::int64_t>& ns) {
    if (ns) seconds(*ns);
  }
  void boolean(const std::optional<bool>& yes) {
    if (yes) boolean(*yes);
  }
  void address(const ip_address& a) {
    char room[64];
    text({room, format_ip_address(a, room)});
  }
};

class text_cells final : public row_cells {
 public:
  text_cells(std::string& to, const connection_table_options& options, why_list* examined)
      : row_cells(examined), to_(to), options_(options), json_(options.format == row_format::json) {
    if (json_) to_ += '{';
  }

  void begin(std::string_view name) override {
    name_ = name;
    if (!first_ && !json_) separate();
    if (!json_) first_ = false;
  }
  void end() override { to_ += json_ ? "}\n" : "\n"; }

  void number(std::uint64_t n) override {
    key();
    char text[max_decimal_size];
    to_.append(text, write_decimal(text, n));
  }
  // All digits, but no exponent: not every program reads one.
  void decimal(double n) override {
    if (n >= 0 && n < 0x1p64 && n == std::floor(n)) {
      number(static_cast<std::uint64_t>(n));
      return;
    }
    key();
    fmt::format_to(std::back_inserter(to_), "{:.3f}", n);
    while (to_.back() == '0') to_.pop_back();
  }
  void seconds(std::int64_t ns) override {
    key();
    if (ns < 0) to_ += '-';
    const std::uint64_t size =
        ns < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
    fmt::format_to(std::back_inserter(to_), "{}.{:09}", size / 1'000'000'000, size % 1'000'000'000);
  }
  void text(std::string_view text) override {
    if (text.empty()) return;
    key();
    const std::size_t before = to_.size();
    to_.resize(before + 6 * text.size() + 2);
    std::size_t n = 0;
    // The room is what it asks for.
    static_cast<void>(
        format_text_cell(options_.format, text, {to_.data() + before, to_.size() - before}, n));
    to_.resize(before + n);
  }
  void time(const timestamp& t) override {
    if (t.is_zero()) return;
    char room[max_moment_size];
    const std::size_t size = format_moment(t, options_.time, room);
    if (size == 0) return;  // beyond what can be written
    key();
    const bool quoted = json_ && options_.time != time_style::epoch;
    if (quoted) to_ += '"';
    to_.append(room, size);
    if (quoted) to_ += '"';
  }
  void boolean(bool yes) override {
    key();
    if (json_)
      to_ += yes ? "true" : "false";
    else
      to_ += yes ? '1' : '0';
  }

 private:
  void separate() { to_ += options_.format == row_format::tsv ? '\t' : ','; }
  void key() {
    if (!json_) return;
    if (!first_) separate();
    first_ = false;
    to_ += '"';
    to_ += name_;
    to_ += "\":";
  }

  std::string& to_;
  const connection_table_options& options_;
  bool json_;
  bool first_ = true;
  std::string_view name_;
};

// As text_cells, a cell for each column, of Parquet.
class typed_cells final : public row_cells {
 public:
  typed_cells(parquet::row_batch& to, why_list* examined) : row_cells(examined), to_(to) {}

  void begin(std::string_view) override {
    close();
    cell_ = next_ < to_.size() ? &to_[next_] : nullptr;
    ++next_;
  }
  void end() override { close(); }

  void number(std::uint64_t n) override {
    if (auto* const cell = take()) cell->push(n);
  }
  // Of columns that are whole numbers in all tables, too.
  void decimal(double n) override {
    auto* const cell = take();
    if (cell == nullptr) return;
    if (cell->type() == parquet::value_type::number)
      cell->push(std::bit_cast<std::uint64_t>(n));
    else
      cell->push(static_cast<std::uint64_t>(n));
  }
  void seconds(std::int64_t ns) override { decimal(static_cast<double>(ns) / 1e9); }
  void text(std::string_view text) override {
    if (text.empty()) return;
    if (auto* const cell = take()) cell->push_text(text);
  }
  void time(const timestamp& t) override {
    const auto ns = nanoseconds_of(t);
    if (!ns) return;
    if (auto* const cell = take()) cell->push(static_cast<std::uint64_t>(*ns));
  }
  void boolean(bool yes) override { number(std::uint64_t{yes}); }

 private:
  // The cell that waits for its value.
  parquet::column_values* take() { return std::exchange(cell_, nullptr); }
  void close() {
    if (auto* const cell = take()) cell->push_null();
  }

  parquet::row_batch& to_;
  parquet::column_values* cell_ = nullptr;
  std::size_t next_ = 0;
};

struct column {
  column_description about;
  void (*write)(row_cells&, flow_summary&) = nullptr;
  total of = total::bytes_acked;  // where there is no `write`
};

constexpr column own_columns[] = {
    {{"uuid", "text", "text", "-",
      "the connection: what the files' metadata says, else their names"},
     [](row_cells& to, flow_summary& f) { to.text(f.uuid()); }},
    {{"host", "text", "text", "-", "the machine that recorded it"},
     [](row_cells& to, flow_summary& f) { to.text(f.host()); }},
    {{"netns", "text", "text", "-", "the network namespace, where it is not the collector's own"},
     [](row_cells& to, flow_summary& f) { to.text(f.netns()); }},
    {{"family", "u8", "enum", "2.6.14", "2 IPv4, 10 IPv6"},
     [](row_cells& to, flow_summary& f) {
       to.number(static_cast<std::uint64_t>(f.ends().src.family));
     }},
    {{"src", "address", "address", "2.6.14", "local address"},
     [](row_cells& to, flow_summary& f) { to.address(f.ends().src); }},
    {{"sport", "u16", "id", "2.6.14", "local port"},
     [](row_cells& to, flow_summary& f) { to.number(std::uint64_t{f.ends().sport}); }},
    {{"dst", "address", "address", "2.6.14", "remote address"},
     [](row_cells& to, flow_summary& f) { to.address(f.ends().dst); }},
    {{"dport", "u16", "id", "2.6.14", "remote port"},
     [](row_cells& to, flow_summary& f) { to.number(std::uint64_t{f.ends().dport}); }},
    {{"interface", "u32", "id", "2.6.14",
      "index of the interface that the socket is bound to, 0 none"},
     [](row_cells& to, flow_summary& f) { to.number(std::uint64_t{f.ends().interface}); }},
    {{"uid", "u32", "id", "2.6.14", "the user whose process had the socket"},
     [](row_cells& to, flow_summary& f) { to.number(f.uid()); }},
    {{"opened_here", "boolean", "bool", "-",
      "whether this end connected; none where the records do not tell"},
     [](row_cells& to, flow_summary& f) { to.boolean(f.opened_here()); }},
    {{"opened", "time", "time", "-", "when the connection began to open, where an event told"},
     [](row_cells& to, flow_summary& f) { to.time(f.opened()); }},
    {{"first_seen", "time", "time", "-",
      "first sight of it: its first record, or what its files say"},
     [](row_cells& to, flow_summary& f) { to.time(f.first_seen()); }},
    {{"last_seen", "time", "time", "-", "its last record"},
     [](row_cells& to, flow_summary& f) { to.time(f.last_seen()); }},
    {{"ended", "time", "time", "-", "when it ended, where the end was recorded"},
     [](row_cells& to, flow_summary& f) { to.time(f.ended()); }},
    {{"closed", "text", "text", "-",
      "how it ended: fin_local, fin_remote, fin_both, fin, aborted, rst, timeout, no_connect or "
      "unknown; none while it is open"},
     [](row_cells& to, flow_summary& f) { to.text(closing_name(f.closed())); }},
    {{"duration_s", "decimal", "s", "-", "from opened, else first_seen, to ended, else last_seen"},
     [](row_cells& to, flow_summary& f) { to.seconds(f.duration_ns()); }},
    {{"state", "text", "enum", "2.6.14", "the last state before the end"},
     [](row_cells& to, flow_summary& f) { to.text(state_name(f.state())); }},
    {{"records", "u64", "count", "-", "its records"},
     [](row_cells& to, flow_summary& f) { to.number(f.snapshots()); }},
    {{"gaps", "u64", "count", "-", "files missing between its first and last, and changes of run"},
     [](row_cells& to, flow_summary& f) { to.number(f.gaps()); }},
    {{"sent_bytes", "u64", "bytes", "-", "data that the peer acknowledged, without SYN and FIN"},
     [](row_cells& to, flow_summary& f) { to.number(f.sent()); }},
    {{"received_bytes", "u64", "bytes", "-", "data received in order, without FIN"},
     [](row_cells& to, flow_summary& f) { to.number(f.received()); }},
    {{"mean_rate_bytes_per_s", "u64", "bytes/s", "-",
      "of the direction that carried more, from opened or the first record to the end"},
     [](row_cells& to, flow_summary& f) {
       // Damaged counters make rates that the column does not hold.
       const auto rate = f.mean_rate();
       if (rate && *rate < 0x1p64) to.decimal(std::round(*rate));
     }},
    {{"peak_delivery_rate_bytes_per_s", "u64", "bytes/s", "4.9", "the highest delivery_rate"},
     [](row_cells& to, flow_summary& f) { to.number(f.peak_rate()); }},
    {{"min_rtt_us", "u32", "us", "2.4", "the lowest min_rtt; before Linux 4.6 the lowest rtt"},
     [](row_cells& to, flow_summary& f) { to.number(f.min_rtt_us()); }},
    {{"median_rtt_us", "decimal", "us", "2.4", "median of rtt over the records, within 1.6 %"},
     [](row_cells& to, flow_summary& f) { to.decimal(f.median_rtt_us()); }},
    {{"p95_rtt_us", "decimal", "us", "2.4",
      "95 % of the records have at most this rtt, within 1.6 %"},
     [](row_cells& to, flow_summary& f) { to.decimal(f.p95_rtt_us()); }},
    {{"cong", "text", "text", "2.6.14", "congestion control algorithm, the last one"},
     [](row_cells& to, flow_summary& f) { to.text(f.congestion_control()); }},
    {{"cgroup", "text", "text", "-", "control group of its owner, where the collector was asked"},
     [](row_cells& to, flow_summary& f) { to.text(f.owner().cgroup); }},
    {{"container", "text", "text", "-", "id of the container that the control group names"},
     [](row_cells& to, flow_summary& f) { to.text(names_of_cgroup(f.owner().cgroup).container); }},
    {{"pod", "text", "text", "-", "UID of the pod that the control group names"},
     [](row_cells& to, flow_summary& f) { to.text(names_of_cgroup(f.owner().cgroup).pod); }},
    {{"unit", "text", "text", "-", "unit of systemd that the control group names"},
     [](row_cells& to, flow_summary& f) { to.text(names_of_cgroup(f.owner().cgroup).unit); }},
    {{"pid", "u32", "id", "-", "the process that it belongs to"},
     [](row_cells& to, flow_summary& f) {
       to.number(text::parse_whole(f.owner().pid, 0xffff'ffff));
     }},
    {{"comm", "text", "text", "-", "name of the process"},
     [](row_cells& to, flow_summary& f) { to.text(f.owner().comm); }},
    {{"executable", "text", "text", "-", "path of its program"},
     [](row_cells& to, flow_summary& f) { to.text(f.owner().executable); }},
    {{"owner", "text", "text", "-",
      "how the owner was found: connect, accept, io, listener, iter, proc or cgroup-id"},
     [](row_cells& to, flow_summary& f) { to.text(f.owner().owner); }},
    {{"why", "text", "text", "-",
      "what limited it, as tcpinfo-dump why names the causes; with --why as that finds them"},
     [](row_cells& to, flow_summary& f) {
       if (const auto verdict = main_cause(f, to.why))
         to.text(analysis::why::name_of(verdict->main));
     }},
    {{"why_share", "decimal", "share", "-", "the part of its time that this took, 0 to 1"},
     [](row_cells& to, flow_summary& f) {
       if (const auto verdict = main_cause(f, to.why))
         to.decimal(std::round(verdict->share * 1000) / 1000);
     }},
};

// The kernel's own counters, whose names and meanings are the library's.
constexpr total counters[] = {
    total::bytes_sent,    total::bytes_acked,  total::bytes_received, total::bytes_retrans,
    total::segs_out,      total::segs_in,      total::data_segs_out,  total::data_segs_in,
    total::total_retrans, total::retransmits,  total::total_rto,      total::total_rto_time,
    total::dsack_dups,    total::reord_seen,   total::delivered,      total::delivered_ce,
    total::busy_time,     total::rwnd_limited, total::sndbuf_limited,
};

const std::vector<column>& columns() {
  static const auto all = [] {
    std::vector<column> made(std::begin(own_columns), std::end(own_columns));
    for (const total t : counters) {
      const field_descriptor f = field_of(t);
      made.push_back(
          {{f.csv_name(), type_name(f.type()), unit_name(f.unit()), f.first_kernel(), f.meaning()},
           nullptr,
           t});
    }
    return made;
  }();
  return all;
}

}  // namespace

connection_columns all_connection_columns() {
  connection_columns all(columns().size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

std::string pick_connection_columns(std::string_view list, connection_columns& out) {
  return text::each_item(list, [&](std::string_view item) -> std::string {
    const auto found =
        matches_of(item, columns().size(), [](std::size_t i) { return columns()[i].about.name; });
    for (const std::size_t i : found)
      if (std::find(out.begin(), out.end(), i) == out.end()) out.push_back(i);
    if (!found.empty()) return {};
    return fmt::format("no column of connections is called '{}' (see --connections --list-columns)",
                       item);
  });
}

table_description describe_connections(const connection_columns& picked, time_style style) {
  table_description table{"tcpinfo_connections", "first_seen", {}};
  for (const std::size_t i : picked) {
    table.columns.push_back(columns()[i].about);
    std::string_view& type = table.columns.back().type;
    if (type == "time") type = type_of_times(style);
  }
  return table;
}

std::string connection_header(const connection_table_options& options) {
  std::string line;
  if (options.format == row_format::json) return line;
  for (const std::size_t i : options.columns) {
    if (!line.empty()) line += options.format == row_format::tsv ? '\t' : ',';
    line += columns()[i].about.name;
  }
  return line + '\n';
}

namespace {

void write_row(row_cells& cells, flow_summary& f, const connection_table_options& options) {
  for (const std::size_t i : options.columns) {
    const column& c = columns()[i];
    cells.begin(c.about.name);
    if (c.write != nullptr)
      c.write(cells, f);
    else
      cells.number(f.last(c.of));
  }
  cells.end();
}

}  // namespace

void append_connection(std::string& to, flow_summary& f, const connection_table_options& options,
                       why_list* why) {
  text_cells cells(to, options, why);
  write_row(cells, f, options);
}

void append_connection(parquet::row_batch& to, flow_summary& f,
                       const connection_table_options& options, why_list* why) {
  typed_cells cells(to, why);
  write_row(cells, f, options);
}

}  // namespace tcpinfo::offline
