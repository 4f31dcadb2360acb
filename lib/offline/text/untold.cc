// SPDX-License-Identifier: Apache-2.0
#include "offline/text/untold.h"

#include <fmt/format.h>

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>
#include <algorithm>
#include <cstdint>
#include <iterator>

#include "common/lower_case.h"

namespace tcpinfo::offline {
namespace {

// As in the key Carried of archives, in the case of the columns.
std::string name_of(attribute_type type) {
  std::string name(part_name(attribute_bit(type)));
  std::transform(name.begin(), name.end(), name.begin(), lower_case);
  return name;
}

}  // namespace

std::vector<untold_bytes> untold_in(const snapshot& s) {
  std::vector<untold_bytes> all;
  // Of a type without a name, nothing is told here.
  for (std::uint16_t t = 1; attribute_bit(std::size_t{t}) != 0; ++t) {
    const auto type = static_cast<attribute_type>(t);
    bytes_view bytes;
    if (!s.untold(type, bytes)) continue;
    const bool whole = bytes.size() == s.payload(type)->size();
    all.push_back({name_of(type) + (whole ? "" : "_tail"), bytes});
  }
  attribute a;
  for (std::size_t i = 0; s.unknown_at(i, a); ++i) {
    const std::string name = fmt::format("attribute_{}", a.type);
    std::string unique = name;
    const auto is_taken = [&](const untold_bytes& u) { return u.name == unique; };
    for (int n = 2; std::any_of(all.begin(), all.end(), is_taken); ++n)
      unique = fmt::format("{}_{}", name, n);
    all.push_back({std::move(unique), a.payload});
  }
  return all;
}

std::string in_hex(bytes_view bytes) {
  std::string text;
  for (const std::byte b : bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned>(b));
  return text;
}

}  // namespace tcpinfo::offline
