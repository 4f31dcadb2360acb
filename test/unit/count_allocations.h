// SPDX-License-Identifier: Apache-2.0
//
// Counts the allocations of the test program that includes it (one source file of it only).
// Sanitizers have allocators of their own, which must stay in place: under them nothing is counted.
#ifndef TCPINFO_TEST_UNIT_COUNT_ALLOCATIONS_H
#define TCPINFO_TEST_UNIT_COUNT_ALLOCATIONS_H

#include <cstdlib>
#include <new>

#include "unit/sanitized.h"

static thread_local std::size_t allocations = 0;

// What a program has made at least before its first test, where they are counted: shows that they
// are.
#if defined(TCPINFO_TEST_SANITIZED)
[[maybe_unused]] static constexpr std::size_t least_allocations = 0;
#else
[[maybe_unused]] static constexpr std::size_t least_allocations = 1;
#endif

#if !defined(TCPINFO_TEST_SANITIZED)
// None inline: g++ would see free() of what it believes another operator new has made.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* const p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

#endif
