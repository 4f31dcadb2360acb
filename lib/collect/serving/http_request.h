// SPDX-License-Identifier: Apache-2.0
//
// The head of an HTTP request, as far as a server of a few pages needs it (RFC 9112).
#ifndef TCPINFO_COLLECT_SERVING_HTTP_REQUEST_H
#define TCPINFO_COLLECT_SERVING_HTTP_REQUEST_H

#include <string_view>

namespace tcpinfo::collect {

/// Views into the bytes that were read.
struct http_request {
  std::string_view method;
  std::string_view path;    ///< without query; of an absolute URI, too
  std::string_view fields;  ///< the header fields, lines, up to the empty one
};

enum class request_head {
  incomplete,  ///< the empty line that ends it has not come yet
  whole,
  malformed,    ///< no HTTP, or not a form that HTTP/1 has
  other_major,  ///< HTTP of another major version than 1
};

/// Reads the request line once the whole head is there; header fields are not looked at. `out` is
/// set where it returns `whole`.
[[nodiscard]] request_head read_request_head(std::string_view bytes, http_request& out) noexcept;

}  // namespace tcpinfo::collect

#endif
