// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/table_description.h"

#include <fmt/format.h>

namespace tcpinfo::offline {

std::string_view type_name(field_type t) {
  switch (t) {
    case field_type::u8:
      return "u8";
    case field_type::u16:
      return "u16";
    case field_type::u32:
      return "u32";
    case field_type::u64:
      return "u64";
    case field_type::boolean:
      return "boolean";
    case field_type::text:
      return "text";
    case field_type::address:
      return "address";
  }
  return {};
}

std::string_view type_of_times(time_style style) {
  return style == time_style::epoch ? "decimal" : "time";
}

std::string list_of(const table_description& table) {
  std::string text = "name\ttype\tunit\tfirst_kernel\tmeaning\n";
  for (const column_description& c : table.columns)
    text += fmt::format("{}\t{}\t{}\t{}\t{}\n", c.name, c.type, c.unit, c.first_kernel, c.meaning);
  return text;
}

}  // namespace tcpinfo::offline
