// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_ARCHIVE_FACTS_H
#define TCPINFO_OFFLINE_INPUTS_ARCHIVE_FACTS_H

#include <tcpinfo/archive.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "offline/inputs/input_context.h"

namespace tcpinfo::offline {

/// What an archive says of its connection as a whole. Views of whoever made it.
struct archive_facts {
  std::string_view host;
  std::string_view netns;  ///< empty: the recorder's own
  std::string_view run;
  std::optional<std::uint64_t> sequence;
  timestamp start_time;         ///< the zero time where unknown
  timestamp opened;             ///< the same
  std::string_view owner = {};  ///< as owner_text() makes it
};

[[nodiscard]] inline archive_facts facts_of(const input_context& c) noexcept {
  return {c.host, c.netns, c.run, c.sequence, c.start_time, c.opened, c.owner};
}

}  // namespace tcpinfo::offline

#endif
