// SPDX-License-Identifier: Apache-2.0
//
// The allocations of this test program, counted for each thread and failing where a test wants it.
// Defined in allocations.cc. Sanitizers have allocators of their own, which must stay in place:
// under them nothing is counted and nothing fails.
#ifndef TCPINFO_TEST_UNIT_ALLOCATIONS_H
#define TCPINFO_TEST_UNIT_ALLOCATIONS_H

#include <cstddef>

namespace test_allocations {

/// How many allocations of this thread work before some fail; less than 0: all work.
extern thread_local long before_failing;
/// How many fail then.
extern thread_local long failing;
/// Made by this thread.
extern thread_local std::size_t made;

}  // namespace test_allocations

#endif
