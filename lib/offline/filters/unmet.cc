// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/unmet.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "text/counted.h"

namespace tcpinfo::offline {

bool tell_unmet(const filter_options& filter,
                const std::function<void(std::string_view)>& complain) {
  bool any = false;
  for (const std::vector<std::string>& unmet : {filter.uuids.unmet(), filter.ends.unmet()})
    for (const std::string& text : unmet) {
      complain(fmt::format("no connection '{}' was found", text));
      any = true;
    }
  return any;
}

void tell_none_passed(const filter_options& filter, const filter_counts& counts, bool unread,
                      std::string_view what,
                      const std::function<void(std::string_view)>& complain) {
  const bool all =
      wants_all_connections(filter) && filter.states == 0 && !filter.since && !filter.until;
  // Of nothing at all whoever read it has said why there is nothing, or it is empty.
  if (all || counts.passed != 0 || (counts.seen == 0 && !unread)) return;
  complain(fmt::format("of {} nothing passes the filters{}", text::counted(counts.seen, what),
                       unread ? "; others were left unread, by names and times" : ""));
}

bool tell_unmet_or_none(const filter_options& filter, const filter_counts& counts, bool unread,
                        const std::function<void(std::string_view)>& complain,
                        std::string_view what) {
  const bool unmet = tell_unmet(filter, complain);
  if (!unmet) tell_none_passed(filter, counts, unread, what, complain);
  return unmet;
}

}  // namespace tcpinfo::offline
