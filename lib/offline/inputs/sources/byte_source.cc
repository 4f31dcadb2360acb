// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sources/byte_source.h"

#include <tcpinfo/error.h>
#include <new>

namespace tcpinfo::offline {

std::error_code read_source(void* user, std::span<std::byte> out, std::size_t& n) noexcept {
  n = 0;
  try {
    n = static_cast<byte_source*>(user)->read(out);
    return {};
  } catch (const std::bad_alloc&) {
    return make_error_code(std::errc::not_enough_memory);
  } catch (...) {
    return make_error_code(std::errc::io_error);
  }
}

}  // namespace tcpinfo::offline
