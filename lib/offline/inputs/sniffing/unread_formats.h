// SPDX-License-Identifier: Apache-2.0
//
// Formats that are not read, by the bytes with which their files begin: one line says what a file
// is and what to do.
#ifndef TCPINFO_OFFLINE_INPUTS_SNIFFING_UNREAD_FORMATS_H
#define TCPINFO_OFFLINE_INPUTS_SNIFFING_UNREAD_FORMATS_H

#include <tcpinfo/bytes.h>

#include <cstdint>
#include <string_view>

namespace tcpinfo::offline {

enum class answer : std::uint8_t {
  no,
  yes,
  more,  ///< more of the input tells
};

/// Whether content that begins so is of one of these formats, and what to say of it.
[[nodiscard]] answer find_unread(bytes_view head, std::string_view& what) noexcept;

/// Whether `head` begins with `magic`.
[[nodiscard]] answer begins_with(bytes_view head, std::string_view magic) noexcept;

}  // namespace tcpinfo::offline

#endif
