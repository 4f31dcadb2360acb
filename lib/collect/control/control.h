// SPDX-License-Identifier: Apache-2.0
//
// The operator's requests to a running collector.
#ifndef TCPINFO_COLLECT_CONTROL_CONTROL_H
#define TCPINFO_COLLECT_CONTROL_CONTROL_H

#include <memory>

namespace tcpinfo::collect {

enum class request {
  none,
  stop,
  reload,  ///< read the prefix file and the exclusions again
};

/// Used by one thread.
class control {
 public:
  control() = default;
  virtual ~control() = default;
  control(const control&) = delete;
  control& operator=(const control&) = delete;

  /// Readable when take() has something; -1 where there is no such descriptor.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  /// The next request, without waiting.
  [[nodiscard]] virtual request take() noexcept = 0;
  /// It is ending: nobody asks for requests any more, and may take long.
  virtual void ending() noexcept {}
};

/// SIGINT and SIGTERM stop, SIGHUP reloads. They are blocked in the calling thread and those it
/// makes, and read between polls, so that one can come at any moment without tearing anything.
/// From the first stop on, or ending(), a second SIGINT or SIGTERM ends the process at once, with
/// exit_trouble and a line that says so: files that are not complete stay .part. A signal within
/// 100 ms of the first is the same request: timeout(1) sends each signal twice.
/// @return nullptr with errno set where that cannot be done.
[[nodiscard]] std::unique_ptr<control> make_signal_control();

}  // namespace tcpinfo::collect

#endif
