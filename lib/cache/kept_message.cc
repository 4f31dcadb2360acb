// SPDX-License-Identifier: Apache-2.0
#include "cache/kept_message.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "parse/change_mask.h"

namespace tcpinfo::inline v0 {
namespace {

// Of tcp_info only known fields can be ages or stall times. Bytes that a newer kernel appended
// count in full.
constexpr std::size_t known_info = info_changes_mask.size();
static_assert(info_grows_mask.size() == known_info);

// The header in two runs, around the one member that moves by itself.
constexpr std::size_t after_expires = wire::expires_at + 4;
static_assert([] {
  for (std::size_t at = 0; at < wire::inet_diag_msg_size; ++at) {
    const bool expires = at >= wire::expires_at && at < after_expires;
    if ((header_changes_mask[at] == std::byte{0}) != expires) return false;
  }
  return true;
}());

bool same_bytes(const std::byte* a, const std::byte* b, std::size_t size) noexcept {
  return std::memcmp(a, b, size) == 0;
}

// Without an early exit: the compiler makes wide loads of it, and most flows are equal to the end.
// The whole mask at once is a loop of known length, in pairs of words, which both compilers turn
// into vectors.
template <std::size_t N>
bool same_under_mask(const std::byte* a, const std::byte* b,
                     const std::array<std::byte, N>& mask) noexcept {
  const auto difference = [&](std::size_t at) {
    return (wire::load<std::uint64_t>(a + at) ^ wire::load<std::uint64_t>(b + at)) &
           wire::load<std::uint64_t>(mask.data() + at);
  };
  constexpr std::size_t paired = N / 16 * 16;
  std::uint64_t found[2] = {0, 0};
  for (std::size_t at = 0; at < paired; at += 16) {
    found[0] |= difference(at);
    found[1] |= difference(at + 8);
  }
  if constexpr (paired < N) found[0] |= difference(paired);
  return (found[0] | found[1]) == 0;
}

template <std::size_t N>
bool same_masked(const std::byte* a, const std::byte* b, std::size_t size,
                 const std::array<std::byte, N>& mask) noexcept {
  static_assert(N % 8 == 0);
  if (size >= N) return same_under_mask(a, b, mask);
  const std::size_t limit = size;
  std::uint64_t difference = 0;
  std::size_t at = 0;
  for (; at + 8 <= limit; at += 8)
    difference |= (wire::load<std::uint64_t>(a + at) ^ wire::load<std::uint64_t>(b + at)) &
                  wire::load<std::uint64_t>(mask.data() + at);
  for (; at < limit; ++at) difference |= std::to_integer<std::uint64_t>((a[at] ^ b[at]) & mask[at]);
  return difference == 0;
}

}  // namespace

kept_message* kept_message::store(kept_message* old, const message& m,
                                  std::int64_t now_ns) noexcept {
  const std::size_t size = m.bytes.size();
  const auto info = m.find(attribute_type::info);
  const bool has_info = info && !info->empty();
  kept_message* block = old;
  if (block == nullptr || block->capacity < size) {
    // Whole cache lines, so that an attribute that comes and goes does not allocate each time.
    const std::size_t whole = (sizeof(kept_message) + size + cache_line - 1) & ~(cache_line - 1);
    const std::size_t capacity = whole - sizeof(kept_message);
    void* memory = ::operator new(whole, std::nothrow);
    if (memory == nullptr) return nullptr;
    block = old == nullptr ? new (memory) kept_message : new (memory) kept_message(*old);
    block->capacity = static_cast<std::uint32_t>(capacity);
  }
  if (old != nullptr) {
    kept_message* before = std::exchange(old->before, nullptr);
    if (has_info || old->info_size != 0) free(std::exchange(before, nullptr));
    // Without memory for it the final message is completed from less.
    if (!has_info && old->info_size != 0) before = store(nullptr, old->view(), old->kept_ns);
    if (block != old) ::operator delete(old);
    block->before = before;
  }
  std::memcpy(block->bytes(), m.bytes.data(), size);
  block->size = static_cast<std::uint32_t>(size);
  block->kept_ns = now_ns;
  block->info_at = 0;
  block->info_size = 0;
  if (has_info) {
    block->info_at = static_cast<std::uint32_t>(info->data() - m.bytes.data());
    block->info_size = static_cast<std::uint32_t>(info->size());
  }
  if (block->info_at != 0) block->ever_info = 1;
  return block;
}

void kept_message::free(kept_message* block) noexcept {
  while (block != nullptr) ::operator delete(std::exchange(block, block->before));
}

bool same_content(const kept_message& kept, const message& m) noexcept {
  const std::byte* a = kept.bytes();
  const std::byte* b = m.bytes.data();
  if (kept.size != m.bytes.size() || !same_bytes(a, b, wire::expires_at)) return false;
  if (kept.info_at == 0)
    return same_bytes(a + after_expires, b + after_expires, kept.size - after_expires);
  // Equal bytes up to the payload include INFO's own header, so it is where it was in both.
  if (!same_bytes(a + after_expires, b + after_expires, kept.info_at - after_expires)) return false;
  if (!same_masked(a + kept.info_at, b + kept.info_at, kept.info_size, info_changes_mask))
    return false;
  const std::size_t rest = kept.info_at + std::min<std::size_t>(kept.info_size, known_info);
  return same_bytes(a + rest, b + rest, kept.size - rest);
}

bool same_stall_times(const kept_message& kept, const message& m) noexcept {
  return kept.info_at == 0 ||
         same_masked(kept.bytes() + kept.info_at, m.bytes.data() + kept.info_at, kept.info_size,
                     info_grows_mask);
}

}  // namespace tcpinfo::inline v0
