// SPDX-License-Identifier: Apache-2.0
//
// What a record is made of, and how that is filled; shared by the parser, by what takes messages
// without a line, and by the encoder.
#ifndef TCPINFO_ARCHIVE_RECORD_IMPL_H
#define TCPINFO_ARCHIVE_RECORD_IMPL_H

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <simdjson.h>

#include <tcpinfo/archive.h>

#include "common/attribute_headers.h"

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
  policy,
  cgroup,
  owner,
  pid,
  comm,
  executable,
  ended,
  carried,         ///< the array's elements, as JSON without spaces
  extra,           ///< unknown members of the record, as JSON without spaces: "key":value,…
  metadata_extra,  ///< those of its Metadata
  count,
};

/// The names of the optional keys, from text_key::host on.
inline constexpr std::array<std::string_view, 14> optional_names = {
    "Host",   "Kernel", "Collector", "Interval", "Run", "Netns", "ByteOrder",
    "Opened", "Policy", "Cgroup",    "Owner",    "Pid", "Comm",  "Executable"};

[[nodiscard]] constexpr text_key optional_key(std::size_t i) noexcept {
  return static_cast<text_key>(static_cast<std::size_t>(text_key::host) + i);
}

struct [[gnu::visibility("hidden")]] record::impl {
  static constexpr std::uint32_t absent = ~std::uint32_t{0};
  static constexpr std::size_t idm_size = wire::inet_diag_msg_size;
  // Attribute types have 14 bits, and an attribute's length, header included, has 16.
  static constexpr std::size_t max_attributes = std::size_t{wire::attribute_type_mask} + 1;
  static constexpr std::size_t max_payload = 0xffff - wire::attribute_header_size;
  /// Room behind a message: the padding of its last attribute, and what writes more at once.
  static constexpr std::size_t slack = 64;

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
  std::string spare;  ///< the next text is made here where it is made of this one
  std::array<text_ref, static_cast<std::size_t>(text_key::count)> refs;
  std::uint32_t present = 0;

  timestamp time;
  timestamp start_time;
  timestamp opened;
  timestamp ended;
  std::uint32_t carried = 0;
  std::uint32_t thinned = 0;
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
  bool has_thinned = false;
  bool from_message = false;  ///< by assign(), not from a line
  // Of a record from a message, places in `bytes`.
  attribute_headers headers;
  std::vector<std::uint32_t> paddings;  ///< where one begins, up to the next whole word

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

  /// Makes the record empty; memory is kept.
  void reset() noexcept {
    used = idm_size;
    attributes.clear();
    reset_all_but_message();
  }
  void reset_all_but_message() noexcept {
    valid = has_time = has_idm = has_attributes = has_metadata = false;
    has_sequence = has_poll = has_thinned = from_message = false;
    text.clear();
    present = 0;
    time = {};
    start_time = {};
    opened = {};
    ended = {};
    carried = 0;
    thinned = 0;
    sequence = 0;
    poll = no_poll;
    unknown = 0;
  }

  /// Room for a message of `size` bytes. What `bytes` held is gone where that was too little.
  std::error_code reserve(std::size_t size) noexcept {
    size += slack;
    if (size <= capacity) return {};
    size = std::max(size, 2 * capacity);
    std::unique_ptr<std::byte[]> grown(new (std::nothrow) std::byte[size]);
    if (!grown) return errc::out_of_memory;
    bytes = std::move(grown);
    capacity = size;
    return {};
  }

  /// Whether a message has the same attributes as the one that is here, each as long, in the same
  /// places and nothing else: then all but the payloads may stay. Never of what a line held: that
  /// may have nulls behind the last attribute, no array, and keys.
  [[nodiscard]] bool has_layout_of(bytes_view message) const noexcept {
    return valid && from_message && headers.are_of(message);
  }
  /// Takes a message for which has_layout_of() holds.
  void take_payloads(bytes_view message) noexcept {
    std::memcpy(bytes.get(), message.data(), used);
    // Padding is zero, whatever the message has there.
    for (std::uint32_t at : paddings)
      for (; at % 4 != 0; ++at) bytes[at] = std::byte{0};
  }

  /// Takes any message, for which there is room. May throw std::bad_alloc.
  void take_message(const message& m);

  /// Where the payload of the next attribute goes.
  [[nodiscard]] std::byte* payload_place() const noexcept {
    return bytes.get() + used + wire::attribute_header_size;
  }

  // The add functions return false where netlink allows no such attribute, and may throw
  // std::bad_alloc.
  bool add_absent(std::size_t n = 1) {
    if (n > max_attributes - attributes.size()) return false;
    attributes.resize(attributes.size() + n);
    return true;
  }
  /// Of the next type. Its payload is at payload_place().
  bool add_attribute(std::size_t n) {
    if (attributes.size() == max_attributes || n > max_payload) return false;
    const auto type = static_cast<std::uint16_t>(attributes.size());
    const auto length = static_cast<std::uint16_t>(n + wire::attribute_header_size);
    std::byte* const header = bytes.get() + used;
    std::memcpy(header, &length, sizeof length);
    std::memcpy(header + sizeof length, &type, sizeof type);
    // Padding, over whatever the decoder left there.
    std::memset(header + length, 0, 3);
    attributes.push_back({static_cast<std::uint32_t>(used + wire::attribute_header_size),
                          static_cast<std::uint32_t>(n)});
    used += wire::align4(length);
    return true;
  }
};

}  // namespace tcpinfo::inline v0

#endif
