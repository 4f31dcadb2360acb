// SPDX-License-Identifier: Apache-2.0
//
// The attendant of the loop that samples the collector's own network namespace: it obeys the
// operator, watches the clocks, tells the service manager, and ends the run where an end was asked
// for.
#ifndef TCPINFO_COLLECT_CONTROL_MAIN_ATTENDANT_H
#define TCPINFO_COLLECT_CONTROL_MAIN_ATTENDANT_H

#include "collect/config.h"
#include "collect/control/clock_watch.h"
#include "collect/control/control.h"
#include "collect/control/file_rate.h"
#include "collect/control/reload.h"
#include "collect/control/service_manager.h"
#include "collect/os/os.h"
#include "collect/sampling/attendant.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

class main_attendant final : public attendant {
 public:
  /// All outlive it. `start_ns`: monotonic, of the run.
  main_attendant(os& system, const config& settings, reloadable& current, control& operator_says,
                 statistics& counts, observations& seen, std::int64_t start_ns);

  void before_poll() override { clock_.look(); }
  [[nodiscard]] bool after_poll(const loop_state& state) override;
  [[nodiscard]] bool attend(std::int64_t now_ns) override;
  [[nodiscard]] int descriptor() const noexcept override { return operator_says_.descriptor(); }
  [[nodiscard]] std::int64_t due_ns() const noexcept override;
  void ending() noexcept override {
    manager_.stopping();
    operator_says_.ending();
  }

 private:
  [[nodiscard]] bool obey(std::int64_t now_ns);

  reloadable& current_;
  control& operator_says_;
  observations& observed_;
  clock_watch clock_;
  service_manager manager_;
  file_rate files_;
  const std::uint64_t reps_;
  const std::int64_t end_ns_;
  std::uint64_t polls_ = 0;
};

}  // namespace tcpinfo::collect

#endif
