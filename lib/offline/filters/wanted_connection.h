// SPDX-License-Identifier: Apache-2.0
//
// One connection, as a person names it.
#ifndef TCPINFO_OFFLINE_FILTERS_WANTED_CONNECTION_H
#define TCPINFO_OFFLINE_FILTERS_WANTED_CONNECTION_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/endpoints.h"

namespace tcpinfo::offline {

/// What a connection is named by: its UUID or cookie, or its ends.
struct connection_name {
  std::string text;          ///< as it was typed
  std::string uuid = {};     ///< or its cookie, as uuid_list takes them; empty: named by its ends
  std::uint64_t cookie = 0;  ///< that at its end, or that it is named by; 0: not known
  std::optional<text::endpoint_pair> ends = {};  ///< nullopt where it is named by UUID or cookie
};

/// Reads what names a connection:
/// - a cookie: in decimal digits, or in hexadecimal ones with 0x or sk: before them, or 16 of them;
/// - both ends: ADDRESS:PORT-ADDRESS:PORT, or blanks in place of the '-' as between the columns of
///   ss; IPv6 addresses in brackets, an interface behind a % is passed over;
/// - anything else that may be a UUID.
/// @return why it is none; empty where `out` has it.
[[nodiscard]] std::string parse_connection_name(std::string_view text, connection_name& out);

}  // namespace tcpinfo::offline

#endif
