// SPDX-License-Identifier: Apache-2.0
//
// How the interface for C makes its handles.
#ifndef TCPINFO_C_OPEN_HANDLE_H
#define TCPINFO_C_OPEN_HANDLE_H

#include <tcpinfo/c.h>

#include <memory>
#include <new>
#include <system_error>

#include "c/result.h"

namespace tcpinfo::inline v0 {

/// Makes a handle and has it opened: `open` takes it and returns an error_code. Where that is one
/// there is no handle, and `out` is as it was. @return as c_result()
template <class Handle, class Open>
[[nodiscard]] int c_open_handle(Handle** out, Open&& open) noexcept {
  std::unique_ptr<Handle> made(new (std::nothrow) Handle);
  if (made == nullptr) return TCPINFO_E_OUT_OF_MEMORY;
  if (const std::error_code ec = open(*made)) return c_result(ec);
  *out = made.release();
  return 0;
}

}  // namespace tcpinfo::inline v0

#endif
