// SPDX-License-Identifier: Apache-2.0
//
// From a line to an event.
#ifndef TCPINFO_EVENTSOCKET_PARSE_H
#define TCPINFO_EVENTSOCKET_PARSE_H

#include <cstddef>
#include <system_error>

#include <simdjson.h>

#include <tcpinfo/eventsocket.h>

namespace tcpinfo::inline v0 {

/// Reads the line at `text`, which has simdjson::SIMDJSON_PADDING readable bytes after it. Texts of
/// `out` are the parser's, until it is used again. The whole of `out` is written, also on error.
[[nodiscard]] std::error_code parse_flow_event(simdjson::dom::parser& parser, const char* text,
                                               std::size_t size, flow_event& out) noexcept;

}  // namespace tcpinfo::inline v0

#endif
