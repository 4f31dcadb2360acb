// SPDX-License-Identifier: Apache-2.0
#include "text/write_all.h"

#include "common/write_rest.h"

namespace tcpinfo::text {

int write_all(int fd, std::string_view text) noexcept { return write_rest(fd, text); }

int write_rest(int fd, std::string_view& rest) noexcept { return tcpinfo::write_rest(fd, rest); }

}  // namespace tcpinfo::text
