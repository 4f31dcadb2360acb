// SPDX-License-Identifier: Apache-2.0
//
// What an input is, by what it begins with. Names of files say nothing here.
#ifndef TCPINFO_OFFLINE_INPUTS_SNIFFING_CONTENT_KIND_H
#define TCPINFO_OFFLINE_INPUTS_SNIFFING_CONTENT_KIND_H

#include <tcpinfo/bytes.h>

#include <cstdint>
#include <string_view>

namespace tcpinfo::offline {

enum class content_kind : std::uint8_t {
  undecided,  ///< more of the input tells
  archive,    ///< lines of JSON
  segment,    ///< blocks of records
  zstd,
  gzip,
  pcap,     ///< or pcapng
  netlink,  ///< bare messages
  tar,
  zeros,    ///< sixteen of them, or nothing else
  unread,   ///< a format that is not read
  unknown,  ///< anything else; nothing at all
};

/// `head`: what the input begins with; all of it where `ended`. Takes no more than it needs: text
/// that begins with a brace is known by two bytes, and nothing needs more than 512.
/// @param what of unread: what to say of it.
[[nodiscard]] content_kind kind_of_content(bytes_view head, bool ended,
                                           std::string_view& what) noexcept;

/// Whether an archive that begins so is one of TCP connections: one of these lines has a key of
/// theirs. The first may be damaged.
[[nodiscard]] bool looks_like_ours(bytes_view head) noexcept;

/// Whether it is text: no control characters.
[[nodiscard]] bool is_text(bytes_view head) noexcept;

/// Whether it may be JSON of any kind that nothing happened to; all of it where `ended`.
[[nodiscard]] bool is_sound_json(bytes_view head, bool ended) noexcept;

}  // namespace tcpinfo::offline

#endif
