// SPDX-License-Identifier: Apache-2.0
#include "archive/carried.h"

#include <array>
#include <bit>

#include <tcpinfo/archive.h>

#include "archive/text.h"

namespace tcpinfo::inline v0 {
namespace {

// By bit. Attributes that only a newer kernel has are named by their number.
constexpr std::array<std::string_view, 32> names = {
    "ID",        "MEMINFO",  "INFO",      "VEGASINFO", "CONG",     "TOS",      "TCLASS",
    "SKMEMINFO", "SHUTDOWN", "DCTCPINFO", "PROTOCOL",  "SKV6ONLY", "LOCALS",   "PEERS",
    "PAD",       "MARK",     "BBRINFO",   "CLASS_ID",  "MD5SIG",   "ULP_INFO", "SK_BPF_STORAGES",
    "CGROUP_ID", "SOCKOPT",  "23",        "24",        "25",       "26",       "27",
    "28",        "29",       "30",        "31"};
static_assert(names[std::countr_zero(ends_bit)] == "ID");
static_assert(names[static_cast<std::size_t>(attribute_type::sockopt)] == "SOCKOPT");

constexpr std::size_t most = [] {
  std::size_t size = carried_key.size() + 1;
  for (const std::string_view name : names) size += name.size() + 3;
  return size;
}();
static_assert(most <= max_carried_size);

}  // namespace

std::string_view part_name(std::uint32_t bit) noexcept {
  return std::has_single_bit(bit) ? names[static_cast<std::size_t>(std::countr_zero(bit))]
                                  : std::string_view();
}

char* write_carried(char* to, std::uint32_t carried) noexcept {
  to = write(to, carried_key);
  for (std::uint32_t rest = carried; rest != 0; rest &= rest - 1) {
    if (rest != carried) *to++ = ',';
    *to++ = '"';
    to = write(to, names[static_cast<std::size_t>(std::countr_zero(rest))]);
    *to++ = '"';
  }
  *to++ = ']';
  return to;
}

std::uint32_t carried_bit(std::string_view name) noexcept {
  for (std::size_t bit = 0; bit < names.size(); ++bit)
    if (name == names[bit]) return std::uint32_t{1} << bit;
  return 0;
}

}  // namespace tcpinfo::inline v0
