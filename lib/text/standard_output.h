// SPDX-License-Identifier: Apache-2.0
//
// Short texts to standard output, such as the help.
#ifndef TCPINFO_TEXT_STANDARD_OUTPUT_H
#define TCPINFO_TEXT_STANDARD_OUTPUT_H

#include <string_view>

namespace tcpinfo::text {

/// Writes all of it at once. Ignore SIGPIPE and SIGXFSZ in the process.
/// @return an errno; 0 for success, and where the reader has gone away, having read what it wanted.
[[nodiscard]] int print(std::string_view text) noexcept;

}  // namespace tcpinfo::text

#endif
