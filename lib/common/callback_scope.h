// SPDX-License-Identifier: Apache-2.0
//
// Whether an object is in a callback of its own.
#ifndef TCPINFO_COMMON_CALLBACK_SCOPE_H
#define TCPINFO_COMMON_CALLBACK_SCOPE_H

namespace tcpinfo::inline v0 {

/// While a callback runs: what it calls of its caller returns errc::busy.
class callback_scope {
 public:
  explicit callback_scope(bool& running) noexcept : running_(running) { running_ = true; }
  ~callback_scope() { running_ = false; }
  callback_scope(const callback_scope&) = delete;
  callback_scope& operator=(const callback_scope&) = delete;

 private:
  bool& running_;
};

}  // namespace tcpinfo::inline v0

#endif
