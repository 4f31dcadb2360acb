// SPDX-License-Identifier: Apache-2.0
#include "collect/control/reload.h"

#include <fmt/format.h>

#include <new>
#include <utility>

#include "collect/control/exclusion_file.h"
#include "collect/telemetry/log.h"
#include "collect/writing/identity.h"

namespace tcpinfo::collect {

std::string reloadable::read_lists(exclusion_lists& out) const {
  out = {settings_.exclude_sports, settings_.exclude_destinations};
  for (const std::string& file : settings_.exclude_files)
    if (std::string wrong = read_exclusion_file(file, out); !wrong.empty()) return wrong;
  return {};
}

std::string reloadable::set_exclusions(exclusion_lists lists) {
  const auto ec = unwanted_.set(std::move(lists));
  return ec ? fmt::format("exclusions: {}", ec.message()) : std::string();
}

std::string reloadable::start() {
  exclusion_lists lists;
  if (std::string wrong = read_lists(lists); !wrong.empty()) return wrong;
  return set_exclusions(std::move(lists));
}

void reloadable::reload() {
  try {
    try_reload();
  } catch (const std::bad_alloc&) {
    log_line(event::reload_refused, "not reloaded: out of memory (everything stays as it was)");
  }
}

// Everything that can fail comes before anything that changes.
void reloadable::try_reload() {
  std::string prefix(prefixes_.get(prefixes_.current()));
  exclusion_lists lists;
  std::string wrong = read_lists(lists);
  if (wrong.empty() && !settings_.uuid_prefix_file.empty())
    if (const auto ec = read_uuid_prefix(settings_.uuid_prefix_file, prefix))
      wrong = fmt::format("{}: {}", settings_.uuid_prefix_file, ec.message());
  if (wrong.empty() && !prefixes_.has_room_for(prefix)) wrong = "the UUID prefix changed too often";
  const bool others = lists != unwanted_.lists();
  if (wrong.empty() && others) wrong = set_exclusions(lists);
  const bool same_prefix = prefixes_.get(prefixes_.current()) == prefix;
  if (!wrong.empty()) {
    log(event::reload_refused, "not reloaded: {} (everything stays as it was)", wrong);
    return;
  }
  (void)prefixes_.set(prefix);
  if (others || !same_prefix) counts_.reloads.add();
  log(event::reloaded, "reloaded: UUID prefix {} ({}), {} ports and {} prefixes excluded ({})",
      prefix, same_prefix ? "as before" : "for connections opened from now on",
      unwanted_.lists().sports.size(), unwanted_.lists().destinations.size(),
      others ? "changed" : "as before");
}

}  // namespace tcpinfo::collect
