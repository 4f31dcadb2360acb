// SPDX-License-Identifier: Apache-2.0
//
// Durations, in nanoseconds.
#ifndef TCPINFO_TEST_UNIT_DURATIONS_H
#define TCPINFO_TEST_UNIT_DURATIONS_H

#include <cstdint>

inline constexpr std::int64_t ms = 1'000'000;
inline constexpr std::int64_t second = 1'000'000'000;

#endif
