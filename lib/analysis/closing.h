// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_CLOSING_H
#define TCPINFO_ANALYSIS_CLOSING_H

#include <cstdint>
#include <string_view>

namespace tcpinfo::analysis {

/// How a connection ended, as far as its records tell: flow_summary::closed() decides, by the rules
/// of docs/ends.md.
enum class closing : std::uint8_t {
  open,        ///< no end was recorded
  fin_local,   ///< this end sent the first FIN
  fin_remote,  ///< the other end did
  fin_both,    ///< both at once
  fin,         ///< by FIN; who was first is not recorded
  aborted,     ///< here: closed with a zero linger time, by `ss -K`, with data unread, …
  rst,         ///< by RST; the other end's, where more than its end was recorded
  timeout,     ///< the other end stopped answering
  no_connect,  ///< the connect failed
  unknown,     ///< it ended between two polls and the counters do not tell how
};
/// "FIN by us", for people.
[[nodiscard]] std::string_view closing_text(closing c) noexcept;
/// "fin_local", for programs; empty for open.
[[nodiscard]] std::string_view closing_name(closing c) noexcept;

}  // namespace tcpinfo::analysis

#endif
