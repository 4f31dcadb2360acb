// SPDX-License-Identifier: Apache-2.0
//
// What zstd's errors are among ours.
#ifndef TCPINFO_ZSTD_ZSTD_ERROR_H
#define TCPINFO_ZSTD_ZSTD_ERROR_H

#include <zstd_errors.h>

#include <zstd.h>
#include <cstddef>
#include <system_error>

#include <tcpinfo/error.h>

namespace tcpinfo::inline v0 {

/// @param otherwise for all that has no error of its own.
inline std::error_code from_zstd(std::size_t result, errc otherwise) noexcept {
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
      return errc::out_of_memory;
    case ZSTD_error_frameParameter_windowTooLarge:
      return errc::window_too_large;
    case ZSTD_error_dstSize_tooSmall:
      return errc::buffer_too_small;
    case ZSTD_error_checksum_wrong:
      return errc::wrong_checksum;
    default:
      return otherwise;
  }
}

}  // namespace tcpinfo::inline v0

#endif
