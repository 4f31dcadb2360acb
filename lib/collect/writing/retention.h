// SPDX-License-Identifier: Apache-2.0
//
// Removes complete archives that are older, or take more of the disk, than the operator said.
// Nothing else is ever removed: no .part file, no lock, nothing that has another name than ours.
#ifndef TCPINFO_COLLECT_WRITING_RETENTION_H
#define TCPINFO_COLLECT_WRITING_RETENTION_H

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "collect/os/os.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/day_folders.h"
#include "collect/writing/unsent_files.h"

namespace tcpinfo::collect {

struct retention_limits {
  std::int64_t max_age_ns = 0;  ///< since a file was last written to; 0 = no limit
  std::uint64_t max_disk = 0;   ///< bytes allocated below the output directory; 0 = no limit
};

class retention {
 public:
  /// `system` and `counts` outlive it, and so does `unsent`: null where nothing is sent.
  retention(os& system, statistics& counts, std::string output, retention_limits limits,
            const unsent_files* unsent = nullptr)
      : system_(system),
        counts_(counts),
        output_(std::move(output)),
        limits_(limits),
        unsent_(unsent) {}
  ~retention() { finish(); }
  retention(const retention&) = delete;
  retention& operator=(const retention&) = delete;

  /// Starts a thread that looks now and then, where there is a limit.
  /// @return why there can be no thread.
  [[nodiscard]] std::error_code start();
  void finish() noexcept;

  /// Looks once. Not while the thread runs.
  void look();

 private:
  struct removed {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;  // allocated
  };
  struct archive {
    std::string path;
    std::int64_t modified_ns = 0;
    std::uint64_t allocated = 0;
  };

  void work();
  [[nodiscard]] bool is_ending() noexcept;
  void keep_age(const std::vector<day_folder>& days);
  void keep_disk(const std::vector<day_folder>& days);
  /// The oldest complete archives of a folder, those written to before `before_ns`; of those that
  /// are still to be sent all or none.
  [[nodiscard]] std::vector<archive> oldest(const day_folder& day, std::int64_t before_ns,
                                            bool unsent);
  void make_room(const std::vector<day_folder>& days, bool unsent, std::uint64_t& taken,
                 removed& sum);
  [[nodiscard]] bool remove(const archive& file, removed& sum);
  void remove_empty(const day_folder& day);
  [[nodiscard]] std::uint64_t allocated_below(const std::string& folder, int depth);
  [[nodiscard]] std::uint64_t allocated(const std::vector<day_folder>& days);
  void say(const removed& sum, counter& files, counter& bytes, std::string_view why);
  void failed(const std::string& path, const std::error_code& ec);

  os& system_;
  statistics& counts_;
  const std::string output_;
  const retention_limits limits_;
  const unsent_files* const unsent_;
  log_limit limit_;

  struct measured {
    std::uint64_t allocated = 0;
    std::int64_t at_ns = 0;  // monotonic
  };
  std::map<std::uint32_t, measured> measured_;  // by date

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
