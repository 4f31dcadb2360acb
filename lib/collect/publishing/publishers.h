// SPDX-License-Identifier: Apache-2.0
//
// All targets of --publish.
#ifndef TCPINFO_COLLECT_PUBLISHING_PUBLISHERS_H
#define TCPINFO_COLLECT_PUBLISHING_PUBLISHERS_H

#include <deque>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "collect/connection_rows.h"
#include "collect/os/os.h"
#include "collect/publish_url.h"
#include "collect/publishing/publisher.h"
#include "collect/telemetry/publish_counts.h"
#include "collect/writing/unsent_files.h"

namespace tcpinfo::collect {

class publishers final : public unsent_files {
 public:
  /// `system` outlives it.
  publishers(os& system, std::string output) : system_(system), output_(std::move(output)) {}

  /// Adds a target. Before start(). @param make_rows for one that is sent rows
  /// @return what is wrong with it; empty: nothing is.
  [[nodiscard]] std::string add(const publish_url& url, connection_rows_maker make_rows = nullptr);
  /// Reads where each target was. @param path what could not be read
  [[nodiscard]] std::error_code open(std::string& path);
  /// @return why there can be no thread.
  [[nodiscard]] std::error_code start();
  /// Once nothing more is recorded, and all files are complete.
  void finish() noexcept;

  [[nodiscard]] bool is_unsent(const std::string& path) const override;
  /// Of each target; as long as this lives.
  [[nodiscard]] const std::deque<publish_counts>& counts() const noexcept { return counts_; }

 private:
  os& system_;
  const std::string output_;
  std::deque<publish_counts> counts_;
  std::vector<std::unique_ptr<publisher>> targets_;
};

}  // namespace tcpinfo::collect

#endif
