// SPDX-License-Identifier: Apache-2.0
//
// Results of the interface for C: how an error_code becomes an int, and what no function lets out.
#ifndef TCPINFO_C_RESULT_H
#define TCPINFO_C_RESULT_H

#include <tcpinfo/c.h>
#include <tcpinfo/error.h>

#include <system_error>
#include <utility>

namespace tcpinfo::inline v0 {

/// Where the library's own codes begin in C: errno values are below.
inline constexpr int c_errc_base = 10'000;

/// 0, -errno, or the tcpinfo_error of an errc.
[[nodiscard]] inline int c_result(const std::error_code& ec) noexcept {
  if (!ec) return 0;
  return ec.category() == error_category() ? -c_errc_base - ec.value() : -ec.value();
}

/// Calls `fn`, which returns a result; memory that is not to be had is one as well. Nothing else
/// throws in here.
template <class F>
[[nodiscard]] int c_guarded(F&& fn) noexcept {
  try {
    return std::forward<F>(fn)();
  } catch (...) {
    return TCPINFO_E_OUT_OF_MEMORY;
  }
}

}  // namespace tcpinfo::inline v0

#endif
