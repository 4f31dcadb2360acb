// SPDX-License-Identifier: Apache-2.0
#include "parse/emit_columns.h"

#include <array>

#include "parse/field_table.h"

namespace tcpinfo::inline v0 {

/// The only way from a handle to its column.
struct column_access {
  static const emit_column* entry(column_descriptor d) noexcept {
    return static_cast<const emit_column*>(d.entry_);
  }
  static column_descriptor make(const emit_column* entry) noexcept {
    column_descriptor d;
    d.entry_ = entry;
    return d;
  }
};

namespace {

// The bits of those fields that are sets of them. A field named here has these columns in place of
// its own; where the layouts differ, they are those of both.
struct flag {
  field_id field;
  std::uint8_t bit;
  std::string_view name;
  std::string_view since;
  std::string_view meaning;
};
constexpr flag flags[] = {
    {field(tcp_field::options), 0, "options_timestamps", "2.4", "timestamps are in use"},
    {field(tcp_field::options), 1, "options_sack", "2.4", "SACK is in use"},
    {field(tcp_field::options), 2, "options_wscale", "2.4", "window scaling is in use"},
    {field(tcp_field::options), 3, "options_ecn", "2.4", "ECN was negotiated"},
    {field(tcp_field::options), 4, "options_ecn_seen", "2.6.39",
     "a segment came marked as ECN-capable"},
    {field(tcp_field::options), 5, "options_syn_data", "3.7",
     "data in the SYN was acknowledged (Fast Open)"},
    {field(tcp_field::options), 6, "options_usec_ts", "6.7",
     "timestamps in use are of microseconds"},
    {field(tcp_field::options), 7, "options_tfo_child", "6.16",
     "accepted with data in the SYN (Fast Open)"},
    {field(tcp_field::accecn_fail_mode), 0, "accecn_fail_ace_send", "6.18",
     "AccECN: sending the ACE field failed"},
    {field(tcp_field::accecn_fail_mode), 1, "accecn_fail_ace_recv", "6.18",
     "AccECN: receiving the ACE field failed"},
    {field(tcp_field::accecn_fail_mode), 2, "accecn_fail_opt_send", "6.18",
     "AccECN: sending the option failed"},
    {field(tcp_field::accecn_fail_mode), 3, "accecn_fail_opt_recv", "6.18",
     "AccECN: receiving the option failed"},
    {field_id::shutdown, 0, "shutdown_recv", "3.8", "receiving was shut down"},
    {field_id::shutdown, 1, "shutdown_send", "3.8", "sending was shut down"},
};

// Fields that mean the same in both layouts of tcp_info's last word share their columns.
struct twin {
  tcp_field in_a;
  tcp_field in_b;
};
constexpr twin twins[] = {
    {tcp_field::accecn_fail_mode_a, tcp_field::accecn_fail_mode},
    {tcp_field::accecn_opt_seen_a, tcp_field::accecn_opt_seen},
};

constexpr std::size_t max_columns = 512;

class column_table {
 public:
  column_table() noexcept {
    for (std::size_t i = 0; i < field_count(); ++i) add(field_at(i));
  }
  [[nodiscard]] std::span<const emit_column> all() const noexcept {
    return {columns_.data(), size_};
  }

 private:
  void add(field_descriptor d) noexcept {
    emit_column c;
    c.field = entry_of(d);
    c.type = d.type();
    c.unit = d.unit();
    c.name = d.csv_name();
    c.since = d.first_kernel();
    c.meaning = d.meaning();
    for (const twin& t : twins) {
      if (d.id() == tcpinfo::field(t.in_a)) return;
      if (d.id() != tcpinfo::field(t.in_b)) continue;
      c.layout_a = find_entry(tcpinfo::field(t.in_a));
      c.since = c.layout_a->first_kernel;
    }
    if (d.id() == field_id::state || d.id() == tcpinfo::field(tcp_field::state))
      c.style = cell_style::state;
    if (d.id() == tcpinfo::field(tcp_field::ca_state)) c.style = cell_style::ca_state;
    if (c.style != cell_style::plain) c.type = field_type::text;
    bool split = false;
    for (const flag& f : flags) {
      if (d.id() != f.field) continue;
      split = true;
      emit_column one = c;
      one.bit = f.bit;
      one.type = field_type::boolean;
      one.unit = field_unit::boolean;
      one.name = f.name;
      one.since = f.since;
      one.meaning = f.meaning;
      push(one);
    }
    if (!split) push(c);
  }
  void push(const emit_column& c) noexcept {
    if (size_ < columns_.size()) columns_[size_++] = c;
  }

  std::array<emit_column, max_columns> columns_;
  std::size_t size_ = 0;
};

const emit_column& row_of(column_descriptor d) noexcept {
  static const emit_column nothing{};
  const emit_column* c = column_of(d);
  return c != nullptr ? *c : nothing;
}

}  // namespace

std::span<const emit_column> emit_columns() noexcept {
  static const column_table table;
  return table.all();
}

const emit_column* column_of(column_descriptor column) noexcept {
  return column_access::entry(column);
}

std::size_t column_count() noexcept { return emit_columns().size(); }

column_descriptor column_at(std::size_t index) noexcept {
  const auto all = emit_columns();
  return column_access::make(index < all.size() ? &all[index] : nullptr);
}

std::string_view column_descriptor::name() const noexcept { return row_of(*this).name; }
field_type column_descriptor::type() const noexcept { return row_of(*this).type; }
field_unit column_descriptor::unit() const noexcept { return row_of(*this).unit; }
std::string_view column_descriptor::first_kernel() const noexcept { return row_of(*this).since; }
std::string_view column_descriptor::meaning() const noexcept { return row_of(*this).meaning; }

}  // namespace tcpinfo::inline v0
