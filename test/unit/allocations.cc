// SPDX-License-Identifier: Apache-2.0
#include "unit/allocations.h"

#include <cstdlib>
#include <new>

#include "unit/sanitized.h"

namespace test_allocations {

thread_local long before_failing = -1;
thread_local long failing = 0;
thread_local std::size_t made = 0;

}  // namespace test_allocations

#if !defined(TCPINFO_TEST_SANITIZED)
namespace {

using namespace test_allocations;

bool allocation_fails() noexcept {
  ++made;
  if (before_failing < 0) return false;
  if (before_failing > 0) {
    --before_failing;
    return false;
  }
  if (failing-- > 0) return true;
  before_failing = -1;
  return false;
}

}  // namespace

// None inline: g++ would see free() of what it believes another operator new has made.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (allocation_fails()) throw std::bad_alloc();
  if (void* const p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocation_fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif
