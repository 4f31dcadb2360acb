// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/table_columns.h"

#include <fmt/format.h>

#include <algorithm>

#include "offline/text/name_patterns.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

struct record_column {
  std::string_view name;
  std::string_view unit;
  std::string_view meaning;
};

// By table_source. No kernel sends them.
constexpr record_column record_columns[] = {
    {"uuid", "text", "the connection: what the file's metadata says, else its name"},
    {"sequence", "id", "number of the file among those of the connection"},
    {"timestamp", "time", "when the kernel's answer was read"},
    {"poll", "id", "number of the poll; none at a connection's end"},
    {"opened", "time", "when the connection began to open, where an event told"},
    {"ended", "time", "when the connection ended, where that is not the timestamp of its end"},
    {"carried", "text", "what the end's message lacked and is of the record before it"},
    {"thinned", "count", "changes that the recorder left out on purpose before this record"},
};

const record_column& row_of(table_source s) { return record_columns[static_cast<std::size_t>(s)]; }

}  // namespace

std::string_view table_column::name() const {
  return source == table_source::snapshot ? field.name() : row_of(source).name;
}

std::string_view table_column::type(time_style style) const {
  switch (source) {
    case table_source::uuid:
    case table_source::carried:
      return "text";
    case table_source::sequence:
    case table_source::poll:
      return "u64";
    case table_source::thinned:
      return "u32";
    case table_source::timestamp:
    case table_source::opened:
    case table_source::ended:
      return type_of_times(style);
    case table_source::snapshot:
      break;
  }
  return type_name(field.type());
}

std::string_view table_column::unit() const {
  return source == table_source::snapshot ? unit_name(field.unit()) : row_of(source).unit;
}

std::string_view table_column::first_kernel() const {
  return source == table_source::snapshot ? field.first_kernel() : "-";
}

std::string_view table_column::meaning() const {
  return source == table_source::snapshot ? field.meaning() : row_of(source).meaning;
}

std::vector<table_column> all_columns() {
  std::vector<table_column> all;
  for (const table_source s :
       {table_source::uuid, table_source::sequence, table_source::timestamp, table_source::poll,
        table_source::opened, table_source::ended, table_source::carried, table_source::thinned})
    all.push_back({s, {}});
  for (std::size_t i = 0; i < column_count(); ++i)
    all.push_back({table_source::snapshot, column_at(i)});
  return all;
}

std::string pick_columns(std::string_view list, std::vector<table_column>& out) {
  const std::vector<table_column> all = all_columns();
  return text::each_item(list, [&](std::string_view item) -> std::string {
    const auto found = matches_of(item, all.size(), [&](std::size_t i) { return all[i].name(); });
    for (const std::size_t i : found) {
      const auto same = [&](const table_column& taken) { return taken.name() == all[i].name(); };
      if (std::none_of(out.begin(), out.end(), same)) out.push_back(all[i]);
    }
    if (!found.empty()) return {};
    return fmt::format("no column is called '{}' (see --list-columns)", item);
  });
}

table_description describe(const std::vector<table_column>& columns, time_style style) {
  table_description table{"tcpinfo", "timestamp", {}};
  for (const table_column& c : columns)
    table.columns.push_back({c.name(), c.type(style), c.unit(), c.first_kernel(), c.meaning()});
  return table;
}

}  // namespace tcpinfo::offline
