// SPDX-License-Identifier: Apache-2.0
//
// Queues between one producer and one consumer.
#include "collect/writing/snapshot_queue.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <thread>
#include <vector>

#include "collect/writing/memory_shares.h"
#include "collect/writing/spsc_queue.h"
#include "collect/writing/waiting_memory.h"
#include "unit/catch.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

TEST_CASE("a queue of values keeps their order, and says no when as many wait as may") {
  spsc_queue<int> q(6);
  REQUIRE(q.capacity() == 8);
  CHECK(q.empty());
  int out = 0;
  CHECK_FALSE(q.pop(out));
  int next = 0;
  int read = 0;
  for (int round = 0; round < 100; ++round) {
    while (q.push(next, 5)) ++next;
    CHECK(next - read == 5);
    while (q.push(next)) ++next;
    CHECK(next - read == 8);
    for (int i = 0; i < 3; ++i) {
      REQUIRE(q.pop(out));
      CHECK(out == read++);
    }
  }
  while (q.pop(out)) CHECK(out == read++);
  CHECK(read == next);
  CHECK(q.empty());
}

TEST_CASE("a consumer that sleeps is seen, or sees the value that was pushed") {
  spsc_queue<int> q(4);
  constexpr int count = 20'000;
  std::atomic<bool> sleeping{false};
  std::atomic<int> wakes{0};
  std::thread producer([&] {
    for (int i = 0; i < count; ++i) {
      while (!q.push(i)) std::this_thread::yield();
      q.announce();
      if (sleeping.exchange(false, std::memory_order_seq_cst)) ++wakes;
    }
  });
  int sleeps = 0;
  for (int i = 0; i < count; ++i) {
    int out = -1;
    while (!q.pop(out)) {
      sleeping.store(true, std::memory_order_seq_cst);
      if (!q.empty()) {
        // Nobody may have seen it, or the producer has.
        if (!sleeping.exchange(false, std::memory_order_seq_cst)) ++sleeps;
        continue;
      }
      // Without the promise it would sleep for ever here.
      while (sleeping.load(std::memory_order_seq_cst)) std::this_thread::yield();
      ++sleeps;
    }
    if (out != i) FAIL(out);
  }
  producer.join();
  CHECK(wakes == sleeps);
}

TEST_CASE("the snapshot queue keeps order across its end and says no when full") {
  snapshot_queue q(4096);
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  std::vector<std::byte> message(700);
  for (int round = 0; round < 2000; ++round) {
    const std::size_t size = static_cast<std::size_t>(round * 37 % 700);
    snapshot_header header;
    header.cookie = written;
    if (q.push(header, bytes_view(message).first(size))) ++written;
    if (round % 3 != 0) continue;
    snapshot_header out;
    bytes_view bytes;
    while (q.front(out, bytes)) {
      CHECK(out.cookie == read++);
      CHECK(bytes.size() == out.size);
      q.pop(out);
    }
    CHECK(q.used_bytes() == 0);
  }
  CHECK(written > 1000);
  int pushed = 0;
  while (q.push({}, message)) ++pushed;
  CHECK(pushed >= 4);
  CHECK_FALSE(q.push({}, message));
}

TEST_CASE("a snapshot queue that was read to its end is begun anew at its front") {
  snapshot_queue q(std::size_t{1} << 20);
  std::vector<std::byte> message(1000);
  const std::size_t each = sizeof(snapshot_header) + message.size();
  snapshot_header header;
  std::uintptr_t front = 0;
  std::uintptr_t furthest = 0;
  std::uint64_t read = 0;
  for (std::uint64_t written = 0; written < 10'000;) {
    for (int i = 0; i < 7; ++i) {
      header.cookie = written++;
      REQUIRE(q.push(header, message));
      // Not what was jumped over: a writer would be woken for it, and be called full.
      CHECK(q.used_bytes() == static_cast<std::size_t>(i + 1) * each);
    }
    snapshot_header out;
    bytes_view bytes;
    while (q.front(out, bytes)) {
      CHECK(out.cookie == read++);
      const auto at = reinterpret_cast<std::uintptr_t>(bytes.data());
      if (front == 0) front = at;
      furthest = std::max(furthest, at - front);
      q.pop(out);
    }
    CHECK(q.used_bytes() == 0);
    CHECK(q.popped_bytes() == q.pushed_bytes());
  }
  CHECK(read == 10'000 - 10'000 % 7 + 7);
  CHECK(furthest > 100'000);
  CHECK(furthest < 150'000);
  // Wherever it is begun: to the last byte of room, also while the writer gets no processor.
  for (int start = 0; start < 200; ++start) {
    std::size_t pushed = 0;
    for (header.cookie = read; q.push(header, message); ++header.cookie) ++pushed;
    CHECK(pushed >= q.capacity_bytes() / each - 1);
    snapshot_header out;
    bytes_view bytes;
    const auto take = [&] {
      REQUIRE(q.front(out, bytes));
      CHECK(out.cookie == read++);
      q.pop(out);
    };
    while (q.used_bytes() > 0) take();
    header.cookie = read;
    REQUIRE(q.push(header, message));
    take();
  }
}

TEST_CASE("the snapshot queue hands everything from one thread to another in order") {
  snapshot_queue q(8192);
  constexpr std::uint64_t count = 200'000;
  std::thread producer([&] {
    std::vector<std::byte> message(96);
    for (std::uint64_t i = 0; i < count;) {
      snapshot_header header;
      header.cookie = i;
      std::memcpy(message.data(), &i, sizeof i);
      if (q.push(header, bytes_view(message).first(8 + i % 80)))
        ++i;
      else
        std::this_thread::yield();
    }
  });
  bool good = true;
  for (std::uint64_t i = 0; i < count;) {
    snapshot_header header;
    bytes_view message;
    if (!q.front(header, message)) {
      std::this_thread::yield();
      continue;
    }
    good = good && header.cookie == i && message.size() == 8 + i % 80 &&
           wire::load<std::uint64_t>(message.data()) == i;
    q.pop(header);
    ++i;
  }
  producer.join();
  CHECK(good);
}

TEST_CASE("a queue takes memory when as much waits, and gives it back when it has not for long") {
  constexpr std::size_t kept = std::size_t{1} << 20;
  snapshot_queue q(std::size_t{64} << 20, kept);
  CHECK(q.memory_bytes() == 0);
  const std::vector<std::byte> message(1000, std::byte{1});
  // As many as that wait, then all are taken; each has its number.
  std::uint64_t pushed = 0;
  std::uint64_t popped = 0;
  const auto fill_and_drain = [&](int count) {
    snapshot_header header;
    for (int i = 0; i < count; ++i) {
      header.poll = pushed++;
      REQUIRE(q.push(header, message));
    }
    bytes_view found;
    while (q.front(header, found)) {
      if (header.poll != popped++ || found.size() != message.size() || found[999] != std::byte{1})
        FAIL(popped);
      q.pop(header);
    }
  };
  const auto each = (sizeof(snapshot_header) + message.size() + 7) & ~std::size_t{7};
  for (int i = 0; i < 3000; ++i) fill_and_drain(200);
  // What waited at a time, and up to where it begins at the front again.
  CHECK(q.memory_bytes() < 200 * each + (std::size_t{128} << 10) + each);
  fill_and_drain(20'000);
  CHECK(q.memory_bytes() >= 20'000 * each);
  const std::size_t most = q.memory_bytes();
  fill_and_drain(30'000);
  CHECK(q.memory_bytes() > most);
  for (int i = 0; i < 500; ++i) fill_and_drain(200);
  CHECK(q.memory_bytes() > most);  // it may be needed again soon
  for (int i = 0; i < 1000; ++i) fill_and_drain(200);
  CHECK(q.memory_bytes() == kept);
  fill_and_drain(30'000);
  CHECK(q.memory_bytes() > most);
  CHECK(popped == pushed);
}

TEST_CASE("reserved memory takes pages where it is written to, until they are given back") {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  constexpr std::size_t pages = 100;
  reserved_memory memory(pages * page);
  const auto taken = [&] {
    std::vector<unsigned char> resident(pages);
    REQUIRE(::mincore(memory.get(), pages * page, resident.data()) == 0);
    return std::count_if(resident.begin(), resident.end(), [](unsigned char r) { return r & 1; });
  };
  CHECK(taken() == 0);
  for (std::size_t i = 0; i < 50; ++i) memory.get()[i * page] = std::byte{1};
  CHECK(taken() >= 50);
  memory.give_back(10 * page - 1);
  CHECK(taken() == 10);
  CHECK(memory.get()[9 * page] == std::byte{1});
  CHECK(memory.get()[10 * page] == std::byte{0});
}

TEST_CASE(
    "of the memory limit a quarter is for queues, which records have while queues need none") {
  constexpr std::uint64_t mib = std::uint64_t{1} << 20;
  // As delivered.
  const memory_shares usual = shares_of(256 * mib, 1);
  CHECK(usual.queue == 64 * mib);
  CHECK(usual.queue_kept == 16 * mib);
  CHECK(usual.waiting == 192 * mib);
  const memory_shares two = shares_of(256 * mib, 2);
  CHECK(two.queue == 32 * mib);
  CHECK(two.waiting == 96 * mib);
  // The least that can be asked for, and more than any queue needs.
  CHECK(shares_of(64 * mib, 1).queue == 16 * mib);
  CHECK(shares_of(64 * mib, 1).waiting == 8 * mib);
  CHECK(shares_of(std::uint64_t{1} << 50, 1).queue == 1024 * mib);
  for (std::uint64_t limit = 72 * mib; limit < 4096 * mib; limit += 50 * mib) {
    for (const unsigned writers : {1U, 2U, 3U, 64U}) {
      INFO(limit << " " << writers);
      const memory_shares each = shares_of(limit, writers);
      CHECK(std::has_single_bit(each.queue));
      // All in all it is the limit, however full the queues are.
      statistics counts;
      waiting_memory waiting(each.waiting, each.queue_kept, counts, writers);
      CHECK(waiting.limit() == each.waiting);
      waiting.queue_takes(each.queue_kept);
      CHECK(waiting.limit() == each.waiting);
      waiting.queue_takes(each.queue);
      CHECK((waiting.limit() + std::max(each.queue, each.queue_kept)) * writers + 48 * mib <=
            limit);
    }
  }
}
