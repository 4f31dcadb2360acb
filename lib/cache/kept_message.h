// SPDX-License-Identifier: Apache-2.0
//
// The last message of a flow and its comparison with the next one: the inner loop of every poll.
#ifndef TCPINFO_CACHE_KEPT_MESSAGE_H
#define TCPINFO_CACHE_KEPT_MESSAGE_H

#include <tcpinfo/inetdiag.h>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace tcpinfo::inline v0 {

/// One heap block: this header, then the message's bytes. What every poll needs of a flow is here,
/// in one piece of memory.
struct kept_message {
  std::uint32_t size = 0;      ///< of the message
  std::uint32_t capacity = 0;  ///< of the block, behind this header
  std::uint32_t info_at = 0;   ///< where the payload of INFO starts, 0 = there is none
  std::uint32_t info_size = 0;
  std::uint32_t ever_info = 0;  ///< this message or one before it had INFO
  std::uint32_t place = 0;      ///< in walk_order
  std::uint32_t cycle = 0;      ///< the last cycle that showed its flow
  std::uint32_t absent = 0;     ///< complete cycles since then, which did not show it
  std::int64_t absent_ns = 0;   ///< time of the first of these
  std::int64_t kept_ns = 0;     ///< when it was kept
  /// The last message with INFO where this one, of a mini socket, has none; else null. The final
  /// message is completed from it.
  kept_message* before = nullptr;

  [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] const std::byte* bytes() const noexcept {
    return reinterpret_cast<const std::byte*>(this + 1);
  }
  [[nodiscard]] message view() const noexcept { return {bytes_view(bytes(), size)}; }
  [[nodiscard]] std::uint64_t cookie() const noexcept {
    // As message::cookie() has it, low word first, but by one load: every look-up compares it.
    const auto both = wire::load<std::uint64_t>(bytes() + wire::cookie_at);
    return std::endian::native == std::endian::little ? both : std::rotl(both, 32);
  }
  /// Asks the processor for the block, which is compared soon.
  void fetch() const noexcept {
    const auto* const first = reinterpret_cast<const std::byte*>(this);
    for (std::size_t at = 0; at < typical_size; at += cache_line) __builtin_prefetch(first + at);
  }
  /// The payload of INFO, empty where there is none.
  [[nodiscard]] bytes_view info() const noexcept { return {bytes() + info_at, info_size}; }

  /// This one, or the one before it that has INFO.
  [[nodiscard]] const kept_message& whole() const noexcept {
    return before != nullptr ? *before : *this;
  }
  /// Whether whole() may be another message once `m` is kept in place of this one. May be true
  /// where it is not: a message too short for INFO is taken for one of a mini socket.
  [[nodiscard]] bool leaves_whole(const message& m) const noexcept {
    return before != nullptr || m.bytes.size() < std::size_t{info_at} + info_size;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return sizeof(kept_message) + capacity + (before == nullptr ? 0 : before->memory_bytes());
  }

  /// A block that holds `m`, reusing `old` where it is large enough. nullptr when there is no
  /// memory; then `old` is as it was.
  [[nodiscard]] static kept_message* store(kept_message* old, const message& m,
                                           std::int64_t now_ns) noexcept;
  static void free(kept_message* block) noexcept;

  static constexpr std::size_t cache_line = 64;
  /// With the 516 bytes that Linux 6.18 sends of a connection. Only a matter of speed.
  static constexpr std::size_t typical_size = 576;
};

/// Whether `m` equals `kept` but for ages and stall times.
[[nodiscard]] bool same_content(const kept_message& kept, const message& m) noexcept;
/// Whether the stall times equal those of `kept`. Call it only after same_content() was true.
[[nodiscard]] bool same_stall_times(const kept_message& kept, const message& m) noexcept;

}  // namespace tcpinfo::inline v0

#endif
