// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/part_file.h"

#include <tcpinfo/error.h>

#include "collect/writing/file_names.h"

namespace tcpinfo::collect {

std::string complete_name(const part_file& file) {
  return file.path.substr(0, file.path.size() - part_suffix.size());
}

std::string copy_name(const part_file& file) {
  return complete_name(file) + std::string(rewrite_suffix);
}

bool is_damage(const std::error_code& ec) noexcept {
  return ec == errc::truncated_frame || ec == errc::corrupt_frame || ec == errc::wrong_checksum ||
         ec == errc::window_too_large || ec == errc::dictionary_needed;
}

}  // namespace tcpinfo::collect
