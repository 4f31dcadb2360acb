// SPDX-License-Identifier: Apache-2.0
//
// The table of fields.
#include <tcpinfo/parse.h>

#include <string_view>

#include "c/field_info.h"
#include "c/result.h"
#include "c/structs.h"

using namespace tcpinfo;

namespace {

/// The library's static texts are literals, which end in NUL; an empty one may be no text at all.
const char* literal(std::string_view text) noexcept { return text.empty() ? "" : text.data(); }

int fill(tcpinfo_field* out, const field_descriptor& field) noexcept {
  if (!c_fillable(out)) return TCPINFO_E_INVALID_ARGUMENT;
  if (!field.valid()) return TCPINFO_E_UNKNOWN_FIELD;
  tcpinfo_field full{};
  full.id = static_cast<std::uint32_t>(field.id());
  full.group = static_cast<std::uint32_t>(field.group());
  full.type = static_cast<std::uint32_t>(field.type());
  if (const auto sentinel = field.sentinel()) {
    full.has_sentinel = 1;
    full.sentinel = *sentinel;
  }
  full.name = literal(field.name());
  full.csv_name = literal(field.csv_name());
  full.group_name = literal(group_name(field.group()));
  full.unit_name = literal(unit_name(field.unit()));
  full.first_kernel = literal(field.first_kernel());
  full.meaning = literal(field.meaning());
  c_fill(*out, full);
  return 0;
}

}  // namespace

namespace tcpinfo::inline v0 {

field_descriptor field_named(std::string_view name) noexcept {
  if (const field_descriptor found = find_field(name); found.valid()) return found;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return {};
  for (std::size_t i = 0; i < field_count(); ++i) {
    const field_descriptor field = field_at(i);
    if (field.name() == name.substr(dot + 1) && group_name(field.group()) == name.substr(0, dot))
      return field;
  }
  return {};
}

int refusal(const field_descriptor& field, read_as as) noexcept {
  if (!field.valid()) return TCPINFO_E_UNKNOWN_FIELD;
  const read_as is = field.type() == field_type::text      ? read_as::text
                     : field.type() == field_type::address ? read_as::address
                                                           : read_as::number;
  return is == as ? 0 : TCPINFO_E_WRONG_TYPE;
}

}  // namespace tcpinfo::inline v0

extern "C" {

size_t tcpinfo_field_count() noexcept { return field_count(); }

int tcpinfo_field_at(size_t index, tcpinfo_field* out) noexcept {
  return fill(out, field_at(index));
}

int tcpinfo_field_by_id(uint32_t id, tcpinfo_field* out) noexcept {
  return fill(out, describe(static_cast<field_id>(id)));
}

int tcpinfo_field_by_name(const char* name, tcpinfo_field* out) noexcept {
  if (name == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  return fill(out, field_named(name));
}

}  // extern "C"
