// SPDX-License-Identifier: Apache-2.0
//
// Where in a message the parts are that a segment keeps: its head, and of each type the first
// attribute, in the order of the types. The messages of a connection have few layouts; one that was
// looked at is known again by comparing the headers of its attributes.
#ifndef TCPINFO_SEGMENT_MESSAGE_LAYOUT_H
#define TCPINFO_SEGMENT_MESSAGE_LAYOUT_H

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/message.h>

#include "common/attribute_headers.h"

namespace tcpinfo::inline v0::segment_format {

/// A part of a message and the slot that it belongs to.
struct message_part {
  std::uint32_t at = 0;    // of the payload, in the message
  std::uint32_t size = 0;  // bytes
  std::uint32_t words = 0;
  std::uint16_t type = 0;
  std::uint16_t slot = 0;  // the encoder's
};

struct message_layout {
  attribute_headers headers;
  std::vector<message_part> parts;  // the head is the first
  std::uint32_t words = 0;          // of all parts
  std::uint32_t shape = 0;          // the encoder's
  encode_notes notes;               // what is left out

  /// Whether another message with these headers has the same parts: not where something of it could
  /// not be read, behind which another one may have good attributes, nor where it has very many.
  [[nodiscard]] bool is_whole() const noexcept { return headers.are_finished(); }
  [[nodiscard]] bool fits(const message& m) const noexcept { return headers.are_of(m.bytes); }
};

/// Throws std::bad_alloc. @return errc::message_too_short, errc::malformed_attribute (too much).
[[nodiscard]] std::error_code look_at(const message& m, message_layout& out);

}  // namespace tcpinfo::inline v0::segment_format

#endif
