// SPDX-License-Identifier: Apache-2.0
//
// The snapshots of one connection that wait to be written. In chunks that double in size up to a
// limit: the first snapshot of an idle connection takes what it needs, a busy one's are never
// copied to make room for more, and memory goes back chunk by chunk.
#ifndef TCPINFO_COLLECT_WRITING_WAITING_SNAPSHOTS_H
#define TCPINFO_COLLECT_WRITING_WAITING_SNAPSHOTS_H

#include <tcpinfo/bytes.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "collect/writing/snapshot_queue.h"

namespace tcpinfo::collect {

class waiting_snapshots {
 public:
  waiting_snapshots() noexcept = default;
  ~waiting_snapshots() { clear(); }
  waiting_snapshots(const waiting_snapshots&) = delete;
  waiting_snapshots& operator=(const waiting_snapshots&) = delete;

  /// A copy goes to the end. Throws std::bad_alloc, having added nothing.
  /// @return the copy of the message, to be changed where it must.
  std::span<std::byte> add(const snapshot_header& header, bytes_view message) {
    const std::size_t need = stored_size(message.size());
    if (room_ < need) grow(need);
    std::byte* const to = end_;
    snapshot_header stored = header;
    stored.size = static_cast<std::uint32_t>(message.size());
    std::memcpy(to, &stored, sizeof stored);
    std::memcpy(to + sizeof stored, message.data(), message.size());
    end_ += need;
    room_ -= need;
    bytes_ += need;
    return {to + sizeof stored, message.size()};
  }

  /// A part of the queue, from its front: whole chunks.
  struct portion {
    std::size_t chunks = 0;
    std::uint32_t records = 0;
  };
  /// Calls fn(header, message) for the oldest snapshots, until they are `enough` bytes or all.
  template <class F>
  [[nodiscard]] portion for_oldest(std::size_t enough, F&& fn) const {
    portion shown;
    std::size_t bytes = 0;
    for (const chunk* c = first_; c != nullptr && bytes < enough; c = c->next) {
      const std::size_t used = used_of(*c);
      for (std::size_t at = 0; at < used; ++shown.records) {
        snapshot_header header;
        std::memcpy(&header, c->bytes() + at, sizeof header);
        fn(header, bytes_view(c->bytes() + at + sizeof header, header.size));
        at += stored_size(header.size);
      }
      bytes += used;
      ++shown.chunks;
    }
    return shown;
  }
  /// Takes away what for_oldest() has shown.
  void remove(const portion& shown) noexcept {
    for (std::size_t i = 0; i < shown.chunks; ++i) {
      chunk* const gone = std::exchange(first_, first_->next);
      bytes_ -= used_of(*gone);
      capacity_ -= gone->capacity;
      ::operator delete(gone);
    }
    if (first_ != nullptr) return;
    last_ = nullptr;
    end_ = nullptr;
    room_ = 0;
  }
  void clear() noexcept { remove({chunks(), 0}); }

  [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// Of memory.
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return capacity_; }

 private:
  struct chunk {
    chunk* next;
    std::uint32_t capacity;  // of what follows
    std::uint32_t used;      // but of the last one

    [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
    [[nodiscard]] const std::byte* bytes() const noexcept {
      return reinterpret_cast<const std::byte*>(this + 1);
    }
  };
  // Small enough for the allocator to hand out freed memory again, instead of asking the system.
  static constexpr std::size_t largest = std::size_t{16} << 10;

  static constexpr std::size_t stored_size(std::size_t message) noexcept {
    return sizeof(snapshot_header) + ((message + 7) & ~std::size_t{7});
  }
  [[nodiscard]] std::size_t used_of(const chunk& c) const noexcept {
    return &c == last_ ? c.capacity - room_ : c.used;
  }
  [[nodiscard]] std::size_t chunks() const noexcept {
    std::size_t n = 0;
    for (const chunk* c = first_; c != nullptr; c = c->next) ++n;
    return n;
  }
  void grow(std::size_t need) {
    const std::size_t twice = last_ == nullptr ? 0 : std::size_t{2} * last_->capacity;
    if (last_ != nullptr) last_->used = static_cast<std::uint32_t>(used_of(*last_));
    const std::size_t capacity = std::max(need, std::min(twice, largest));
    auto* const fresh = new (::operator new(sizeof(chunk) + capacity))
        chunk{nullptr, static_cast<std::uint32_t>(capacity), 0};
    (last_ == nullptr ? first_ : last_->next) = fresh;
    last_ = fresh;
    end_ = fresh->bytes();
    room_ = capacity;
    capacity_ += capacity;
  }

  chunk* first_ = nullptr;
  chunk* last_ = nullptr;
  // Of the last chunk; here, because its memory is in no cache when the next snapshot comes.
  std::byte* end_ = nullptr;
  std::size_t room_ = 0;
  std::size_t bytes_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tcpinfo::collect

#endif
