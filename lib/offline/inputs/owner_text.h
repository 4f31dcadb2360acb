// SPDX-License-Identifier: Apache-2.0
//
// Whose a connection is, as one text: most connections of an archive folder share a few.
#ifndef TCPINFO_OFFLINE_INPUTS_OWNER_TEXT_H
#define TCPINFO_OFFLINE_INPUTS_OWNER_TEXT_H

#include <tcpinfo/archive.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace tcpinfo::offline {

/// As metadata has them; views.
struct owner_facts {
  std::string_view cgroup;
  std::string_view owner;  ///< how it was found
  std::string_view pid;
  std::string_view comm;
  std::string_view executable;
};

/// Empty where the metadata says nothing of an owner.
[[nodiscard]] inline std::string owner_text(const metadata& said) {
  std::string text;
  const std::array parts = {said.cgroup, said.owner, said.pid, said.comm, said.executable};
  if (std::all_of(parts.begin(), parts.end(), [](std::string_view p) { return p.empty(); }))
    return text;
  for (const std::string_view part : parts) {
    // Between two parts stands a NUL: what one holds ends at the first.
    text += part.substr(0, part.find('\0'));
    text += '\0';
  }
  return text;
}

/// What owner_text() made; views of it.
[[nodiscard]] inline owner_facts owner_of_text(std::string_view text) noexcept {
  owner_facts facts;
  for (std::string_view* const part :
       {&facts.cgroup, &facts.owner, &facts.pid, &facts.comm, &facts.executable}) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    *part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return facts;
}

/// Whether it takes the place of what was known before: a listener does not of who accepted.
[[nodiscard]] inline bool says_more(std::string_view text, std::string_view before) noexcept {
  if (text.empty() || before.empty()) return !text.empty();
  const auto is_settled = [](std::string_view how) {
    return how == "connect" || how == "accept" || how == "io";
  };
  return is_settled(owner_of_text(text).owner) || !is_settled(owner_of_text(before).owner);
}

}  // namespace tcpinfo::offline

#endif
