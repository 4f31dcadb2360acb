// SPDX-License-Identifier: Apache-2.0
//
// What a parsed line is made of; shared by the parser and the encoder.
#ifndef TCPINFO_ARCHIVE_RECORD_IMPL_H
#define TCPINFO_ARCHIVE_RECORD_IMPL_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include <tcpinfo/archive.h>

namespace tcpinfo::inline v0 {

/// The texts a line may hold, kept as they were read. From `host` on they are Metadata's optional
/// keys, in the order in which they are written.
enum class text_key : std::uint8_t {
  time,
  uuid,
  start_time,
  host,
  kernel,
  collector,
  interval,
  run,
  netns,
  byte_order,
  opened,
  ended,
  carried,         ///< the array's elements, as JSON without spaces
  extra,           ///< unknown members of the record, as JSON without spaces: "key":value,…
  metadata_extra,  ///< those of its Metadata
  count,
};

/// The names of the optional keys, from text_key::host on.
inline constexpr std::array<std::string_view, 8> optional_names = {
    "Host", "Kernel", "Collector", "Interval", "Run", "Netns", "ByteOrder", "Opened"};

[[nodiscard]] constexpr text_key optional_key(std::size_t i) noexcept {
  return static_cast<text_key>(static_cast<std::size_t>(text_key::host) + i);
}

struct [[gnu::visibility("hidden")]] record::impl {
  static constexpr std::uint32_t absent = ~std::uint32_t{0};
  struct slot {
    std::uint32_t at = absent;  ///< of the payload in `bytes`
    std::uint32_t size = 0;
  };
  struct text_ref {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };

  // The message put together again: 72 bytes, then netlink attributes.
  std::unique_ptr<std::byte[]> bytes;
  std::size_t capacity = 0;
  std::size_t used = 0;
  std::vector<slot> attributes;

  // All texts, one after the other; `present` has a bit for each that is there.
  std::string text;
  std::array<text_ref, static_cast<std::size_t>(text_key::count)> refs;
  std::uint32_t present = 0;

  timestamp time;
  timestamp start_time;
  timestamp opened;
  timestamp ended;
  std::uint32_t carried = 0;
  std::uint64_t sequence = 0;
  std::uint64_t poll = no_poll;
  std::uint32_t unknown = 0;
  bool valid = false;
  bool has_time = false;
  bool has_idm = false;
  bool has_attributes = false;
  bool has_metadata = false;
  bool has_sequence = false;
  bool has_poll = false;

  // For lines that are not in the canonical form; made when the first such line comes.
  std::unique_ptr<char[]> padded;
  std::size_t padded_capacity = 0;
  std::unique_ptr<simdjson::ondemand::parser> json;
  std::unique_ptr<simdjson::dom::parser> validator;

  [[nodiscard]] bool has(text_key key) const noexcept {
    return (present >> static_cast<unsigned>(key) & 1U) != 0;
  }
  [[nodiscard]] std::string_view get(text_key key) const noexcept {
    if (!has(key)) return {};
    const text_ref& ref = refs[static_cast<std::size_t>(key)];
    return std::string_view(text).substr(ref.at, ref.size);
  }
  /// May throw std::bad_alloc.
  void set(text_key key, std::string_view value) {
    refs[static_cast<std::size_t>(key)] = {static_cast<std::uint32_t>(text.size()),
                                           static_cast<std::uint32_t>(value.size())};
    text.append(value);
    present |= 1U << static_cast<unsigned>(key);
  }
};

}  // namespace tcpinfo::inline v0

#endif
