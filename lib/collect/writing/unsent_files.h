// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_WRITING_UNSENT_FILES_H
#define TCPINFO_COLLECT_WRITING_UNSENT_FILES_H

#include <string>

namespace tcpinfo::collect {

/// Tells retention what somebody still needs. Any thread.
class unsent_files {
 public:
  virtual ~unsent_files() = default;
  /// Whether a complete file, by its path, is not acknowledged by all to whom it is to be sent.
  [[nodiscard]] virtual bool is_unsent(const std::string& path) const = 0;
};

}  // namespace tcpinfo::collect

#endif
