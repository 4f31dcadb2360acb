// SPDX-License-Identifier: Apache-2.0
//
// The standard descriptors, and short texts to standard output, such as the help.
#ifndef TCPINFO_TEXT_STANDARD_OUTPUT_H
#define TCPINFO_TEXT_STANDARD_OUTPUT_H

#include <string_view>

namespace tcpinfo::text {

/// Keeps the numbers 0 to 2 from whatever is opened next where the program was started without them
/// (>&-): reads and writes there go on to fail, and reach no socket of ours. First of all.
void hold_standard_descriptors() noexcept;

/// Writes all of it at once. Ignore SIGPIPE and SIGXFSZ in the process.
/// @return an errno; 0 for success, and where the reader has gone away, having read what it wanted.
[[nodiscard]] int print(std::string_view text) noexcept;

}  // namespace tcpinfo::text

#endif
