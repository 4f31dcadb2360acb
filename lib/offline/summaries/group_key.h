// SPDX-License-Identifier: Apache-2.0
//
// What connections are grouped by.
#ifndef TCPINFO_OFFLINE_SUMMARIES_GROUP_KEY_H
#define TCPINFO_OFFLINE_SUMMARIES_GROUP_KEY_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "offline/networks/as_table.h"
#include "offline/summaries/connection_facts.h"

namespace tcpinfo::offline {

enum class group_key : std::uint8_t {
  port,
  prefix,
  network,
  congestion_control,
  cgroup,
  process,
  hour,
  minute,
  closed,
  cause,
};
inline constexpr std::size_t group_key_count = static_cast<std::size_t>(group_key::cause) + 1;

struct group_key_description {
  std::string_view name;   ///< as --by and JSON have it: "port"
  std::string_view title;  ///< for people
};
[[nodiscard]] const group_key_description& describe(group_key key) noexcept;

/// Whether its groups are times, which are told all and in their order.
[[nodiscard]] constexpr bool is_of_times(group_key key) noexcept {
  return key == group_key::hour || key == group_key::minute;
}

/// A list of names between commas is added to `out`, each once.
/// @return what is wrong; empty where nothing is.
[[nodiscard]] std::string parse_group_keys(std::string_view list, std::vector<group_key>& out);

/// The group of a connection: "443", "192.0.2.0/24", "AS64496 EXAMPLE-NET". Empty where it is
/// unknown. `networks`: null without a routing table.
[[nodiscard]] std::string group_of(const connection_facts& f, group_key key,
                                   const as_table* networks);

}  // namespace tcpinfo::offline

#endif
