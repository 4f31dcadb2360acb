// SPDX-License-Identifier: Apache-2.0
//
// Routing tables as people have them in files.
#ifndef TCPINFO_OFFLINE_NETWORKS_AS_FILE_H
#define TCPINFO_OFFLINE_NETWORKS_AS_FILE_H

#include <string>
#include <string_view>

#include "offline/inputs/fault.h"
#include "offline/networks/as_table.h"

namespace tcpinfo::offline {

/// Takes one line of either format:
/// - pyasn's: "192.0.2.0/24<tab>64496", comments behind ';' or '#';
/// - iptoasn.com's: "192.0.2.0<tab>192.0.2.255<tab>64496<tab>DE<tab>NAME", the last two being
///   optional; the number 0 is "not routed".
/// @return what is wrong with it; empty where nothing is.
[[nodiscard]] std::string take_as_line(std::string_view line, as_table& to);

/// Reads the file at `path`, packed by gzip or not, and finishes `to`. A bad line is a fault, and
/// all others are taken. @return an errno where it cannot be opened, else 0.
[[nodiscard]] int read_as_file(const std::string& path, as_table& to, const fault_callback& fault);

}  // namespace tcpinfo::offline

#endif
