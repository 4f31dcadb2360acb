// SPDX-License-Identifier: Apache-2.0
//
// Exclusions that can change while the collector runs. A file of lines, each a list as the flags
// take it:
//
//   # not worth recording
//   srcport 9100,9989
//   dstip 192.0.2.1,2001:db8::/32
#ifndef TCPINFO_COLLECT_CONTROL_EXCLUSION_FILE_H
#define TCPINFO_COLLECT_CONTROL_EXCLUSION_FILE_H

#include <string>

#include "collect/sampling/exclusions.h"

namespace tcpinfo::collect {

/// Adds what the file says to `out`. On a fault nothing is added.
/// @return the fault, with file and line; empty where there is none.
[[nodiscard]] std::string read_exclusion_file(const std::string& path, exclusion_lists& out);

}  // namespace tcpinfo::collect

#endif
