// SPDX-License-Identifier: Apache-2.0
#include "collect/control/main_attendant.h"

#include <algorithm>
#include <limits>

#include "collect/os/readiness.h"

namespace tcpinfo::collect {
main_attendant::main_attendant(os& system, const config& settings, reloadable& current,
                               control& operator_says, statistics& counts, observations& seen,
                               std::int64_t start_ns)
    : current_(current),
      operator_says_(operator_says),
      observed_(seen),
      clock_(system, counts),
      manager_(settings, counts, seen),
      files_(settings, counts, start_ns),
      reps_(settings.reps),
      end_ns_(settings.duration_ns > 0 ? start_ns + settings.duration_ns
                                       : std::numeric_limits<std::int64_t>::max()) {}

bool main_attendant::after_poll(const loop_state& state) {
  observed_.observe_rates(state.now_ns);
  manager_.polled(state);
  return ++polls_ != reps_;
}

bool main_attendant::attend(std::int64_t now_ns) {
  manager_.alive(now_ns);
  files_.look(now_ns);
  return obey(now_ns) && now_ns < end_ns_;
}

bool main_attendant::obey(std::int64_t now_ns) {
  if (!is_readable(operator_says_.descriptor())) return true;
  for (;;) {
    switch (operator_says_.take()) {
      case request::none:
        return true;
      case request::stop:
        return false;
      case request::reload:
        manager_.reloading(now_ns);
        current_.reload();
        manager_.reloaded(now_ns);
    }
  }
}

std::int64_t main_attendant::due_ns() const noexcept {
  return std::min(manager_.alive_due_ns(), end_ns_);
}

}  // namespace tcpinfo::collect
