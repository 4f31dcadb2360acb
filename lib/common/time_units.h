// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COMMON_TIME_UNITS_H
#define TCPINFO_COMMON_TIME_UNITS_H

#include <cstdint>

namespace tcpinfo::inline v0 {

inline constexpr std::int64_t ns_a_second = 1'000'000'000;
inline constexpr std::int64_t seconds_a_day = 86'400;

}  // namespace tcpinfo::inline v0

#endif
