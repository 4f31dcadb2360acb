// SPDX-License-Identifier: Apache-2.0
//
// Whether input that begins no frame is text.
#ifndef TCPINFO_ZSTD_TEXT_HEAD_H
#define TCPINFO_ZSTD_TEXT_HEAD_H

#include <tcpinfo/bytes.h>

namespace tcpinfo::inline v0 {

/// Whether these bytes are UTF-8 without control characters but white space. A character that is
/// cut at the end counts as whole.
[[nodiscard]] bool looks_like_text(bytes_view bytes) noexcept;

/// Without the white space that the text begins with.
[[nodiscard]] bytes_view from_first_word(bytes_view text) noexcept;

/// Whether a text begins with this line, or this part of its first line, that an archive may begin
/// with: with an object of JSON.
[[nodiscard]] bool begins_object(bytes_view line) noexcept;

}  // namespace tcpinfo::inline v0

#endif
