// SPDX-License-Identifier: Apache-2.0
//
// Looks at the kernel's sockets now, and leaves out those that nobody asked for.
#ifndef TCPINFO_OFFLINE_LIVE_KERNEL_LOOK_H
#define TCPINFO_OFFLINE_LIVE_KERNEL_LOOK_H

#include <tcpinfo/inetdiag.h>

#include <functional>
#include <system_error>

#include "offline/filters/filters.h"

namespace tcpinfo::offline {

/// One thread's.
class kernel_look {
 public:
  /// Without states in the filter: connections, as `ss -t` shows them. The filter outlives it.
  explicit kernel_look(const filter_options& wanted);

  [[nodiscard]] std::error_code open() { return kernel_.open(); }
  /// Calls `see` for each socket that is wanted; the message is the kernel's answer, and valid
  /// during the call. @return what was wrong with the kernel's answer: then some may be missing.
  [[nodiscard]] std::error_code look(const std::function<void(const message&)>& see);
  /// Of all looks: sockets that the kernel showed, and those that were wanted.
  [[nodiscard]] const filter_counts& counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] bool wants(const message& m) const;

  const filter_options& wanted_;
  const bool any_;  // also sockets without a remote end: their state was asked for
  record_filter filter_;
  filter_counts counts_;
  diag_socket kernel_;
  dump_request request_;
};

}  // namespace tcpinfo::offline

#endif
