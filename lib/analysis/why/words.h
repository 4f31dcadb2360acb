// SPDX-License-Identifier: Apache-2.0
//
// Numbers as the sentences have them.
#ifndef TCPINFO_ANALYSIS_WHY_WORDS_H
#define TCPINFO_ANALYSIS_WHY_WORDS_H

#include <cstdint>
#include <string>

#include "text/counted.h"

namespace tcpinfo::analysis::why {

/// "850 bytes", "64.0 kB", "6.29 MB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "0.35 ms", "81 ms", "1.25 s".
[[nodiscard]] std::string us_text(std::uint64_t us);
[[nodiscard]] std::string ns_text(std::int64_t ns);
/// "9.88 Mbit/s".
[[nodiscard]] std::string rate_text(double bytes_per_second);
using text::counted;

}  // namespace tcpinfo::analysis::why

#endif
