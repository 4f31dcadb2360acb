// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/parquet_columns.h"

#include <fmt/format.h>
#include <tcpinfo/version.h>

#include <bit>
#include <new>

#include "text/whole_number.h"

namespace tcpinfo::offline {
namespace {

using parquet::value_type;

value_type value_type_of(std::string_view type, std::string_view unit) {
  if (unit == "time") return value_type::time;
  if (type == "u8") return value_type::u8;
  if (type == "u16") return value_type::u16;
  if (type == "u32") return value_type::u32;
  if (type == "u64") return value_type::u64;
  if (type == "boolean") return value_type::boolean;
  return type == "decimal" ? value_type::number : value_type::text;
}

}  // namespace

std::vector<parquet::column_spec> parquet_columns(const table_description& table) {
  std::vector<parquet::column_spec> columns;
  for (const column_description& c : table.columns)
    columns.push_back({std::string(c.name), value_type_of(c.type, c.unit)});
  return columns;
}

parquet::writer_options parquet_options(const table_description& table) {
  parquet::writer_options o;
  for (const std::string_view key : {std::string_view("uuid"), table.time})
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      if (table.columns[i].name == key) o.order.push_back(i);
  o.created_by = fmt::format("tcpinfo-csv version {}", version_string());
  o.notes = {{"tcpinfo.table", std::string(table.name)},
             {"tcpinfo.version", std::string(version_string())}};
  return o;
}

std::optional<std::int64_t> nanoseconds_of(const timestamp& t) {
  if (t.is_zero()) return std::nullopt;
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(std::int64_t{t.seconds}, std::int64_t{1'000'000'000}, &ns) ||
      __builtin_add_overflow(ns, std::int64_t{t.nanoseconds}, &ns))
    return std::nullopt;
  return ns;
}

record_columns::record_columns(const table_options& options) {
  std::vector<column_descriptor> written;
  for (const table_column& c : options.columns) {
    column& made = columns_.emplace_back();
    made.source = c.source;
    if (c.source != table_source::snapshot) continue;
    decodes_ = true;
    made.field = find_field(c.field.name());
    if (!options.keep_sentinels) made.unmeasured = made.field.sentinel();
    const bool own = made.field.valid() && made.field.type() == c.field.type() &&
                     made.field.layout() == info_layout::unknown;
    if (!own) {
      made.kind = cell::written;
      written.push_back(c.field);
      written_.push_back(columns_.size() - 1);
    } else if (c.field.type() == field_type::text) {
      made.kind = cell::text;
    } else {
      made.kind = c.field.type() == field_type::address ? cell::address : cell::number;
    }
  }
  row_options rows;
  rows.format = row_format::tsv;
  rows.keep_sentinels = options.keep_sentinels;
  if (writer_.prepare(written, rows)) throw std::bad_alloc();
}

void record_columns::decode(const input_record& r) {
  if (snapshot_.decode(r.m, r.context->layout)) throw std::bad_alloc();
  if (!snapshot_.has(snapshot_fault::partial_field)) return;
  const auto types = snapshot_.attributes_with(snapshot_fault::partial_field);
  const auto group = static_cast<field_group>(std::countr_zero(types));
  loss_ = fmt::format("attribute {} ends inside a field", group_name(group));
}

void record_columns::write(const input_record& r, parquet::row_batch& to) {
  loss_.clear();
  if (decodes_) decode(r);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    column& c = columns_[i];
    switch (c.kind) {
      case cell::record:
        write_record(c.source, r, to[i]);
        break;
      case cell::number: {
        std::uint64_t n = 0;
        if (snapshot_.value(c.field, n) && n != c.unmeasured)
          to[i].push(n);
        else
          to[i].push_null();
        break;
      }
      case cell::text: {
        std::string_view text;
        if (snapshot_.text(c.field, text))
          to[i].push_text(text);
        else
          to[i].push_null();
        break;
      }
      case cell::address:
        write_address(c, to[i]);
        break;
      case cell::written:
        break;
    }
  }
  if (!written_.empty()) write_asked(to);
}

void record_columns::write_address(column& c, parquet::column_values& to) {
  ip_address a;
  if (!snapshot_.address(c.field, a)) {
    to.push_null();
    return;
  }
  if (c.text.empty() || !(a == c.address)) {
    char room[64];
    c.text.assign(room, format_ip_address(a, room));
    c.address = a;
  }
  to.push_text(c.text);
}

// None of these cells has a tab in it.
void record_columns::write_asked(parquet::row_batch& to) {
  row_.resize(std::max(row_.size(), writer_.max_row_size(snapshot_)));
  std::size_t size = 0;
  // The room is what it asks for.
  static_cast<void>(writer_.write(snapshot_, row_, size));
  std::string_view rest = std::string_view(row_).substr(0, size);
  for (const std::size_t i : written_) {
    const std::size_t end = std::min(rest.find('\t'), rest.size());
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (text.empty())
      to[i].push_null();
    else if (to[i].type() == value_type::text)
      to[i].push_text(text);
    else if (const auto n = tcpinfo::text::parse_whole(text))
      to[i].push(*n);
    else
      to[i].push_null();
  }
}

void record_columns::write_record(table_source source, const input_record& r,
                                  parquet::column_values& to) {
  switch (source) {
    case table_source::uuid:
      return to.push_text(r.uuid());
    case table_source::sequence:
      return r.context->sequence ? to.push(*r.context->sequence) : to.push_null();
    case table_source::poll:
      return r.poll != no_poll ? to.push(r.poll) : to.push_null();
    case table_source::timestamp:
      return write_time(r.time, to);
    case table_source::opened:
      return write_time(r.context->opened, to);
    case table_source::ended:
      return write_time(r.ended, to);
    case table_source::carried:
      return r.carried != 0 ? to.push_text(part_names(r.carried, ' ')) : to.push_null();
    case table_source::thinned:
      return r.thinned != 0 ? to.push(r.thinned) : to.push_null();
    case table_source::snapshot:
      break;
  }
}

void record_columns::write_time(const timestamp& t, parquet::column_values& to) {
  if (const auto ns = nanoseconds_of(t)) return to.push(static_cast<std::uint64_t>(*ns));
  if (!t.is_zero()) {
    if (!loss_.empty()) loss_ += "; ";
    loss_ += "a time that 64 bits of nanoseconds do not hold";
  }
  to.push_null();
}

}  // namespace tcpinfo::offline
