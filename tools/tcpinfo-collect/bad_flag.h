// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_COLLECT_BAD_FLAG_H
#define TCPINFO_TOOLS_TCPINFO_COLLECT_BAD_FLAG_H

#include <stdexcept>

namespace tcpinfo::tools {

/// A value that cannot be used: what() is the whole line to print; exit status 2.
class bad_flag : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace tcpinfo::tools

#endif
