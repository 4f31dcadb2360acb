// SPDX-License-Identifier: Apache-2.0
//
// Which form of a page a client wants, by the Accept fields of its request (RFC 9110, 12.5.1).
#ifndef TCPINFO_COLLECT_SERVING_CONTENT_CHOICE_H
#define TCPINFO_COLLECT_SERVING_CONTENT_CHOICE_H

#include <string_view>

namespace tcpinfo::collect {

/// How much a client wants a content type: 1000 most, 0 not at all. Of the ranges that match, the
/// most specific one tells; a `version` in a range is to be ours, its other parameters are passed
/// over. An element that is not well formed is, too. Where no Accept was sent everything is wanted.
/// @param fields the header fields of the request, lines
/// @param type   "text/plain; version=0.0.4"
[[nodiscard]] unsigned wanted(std::string_view fields, std::string_view type) noexcept;

}  // namespace tcpinfo::collect

#endif
