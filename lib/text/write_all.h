// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TEXT_WRITE_ALL_H
#define TCPINFO_TEXT_WRITE_ALL_H

#include <string_view>

namespace tcpinfo::text {

/// Writes all of it, however often that takes. Ignore SIGPIPE and SIGXFSZ in the process.
/// @return an errno, 0 for success; EPIPE where the reader has gone away.
[[nodiscard]] int write_all(int fd, std::string_view text) noexcept;
/// The same; `rest` is what is left to write then, as after EAGAIN.
[[nodiscard]] int write_rest(int fd, std::string_view& rest) noexcept;

}  // namespace tcpinfo::text

#endif
