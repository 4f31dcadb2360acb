// SPDX-License-Identifier: Apache-2.0
//
// Puts segments on a server of objects, or any that takes PUT. Two implementations: https_outlet.cc
// where libcurl is there, https_outlet_stub.cc where it is not.
#ifndef TCPINFO_COLLECT_PUBLISHING_OUTLETS_HTTPS_OUTLET_H
#define TCPINFO_COLLECT_PUBLISHING_OUTLETS_HTTPS_OUTLET_H

#include <memory>
#include <string>
#include <string_view>

#include "collect/publish_url.h"
#include "collect/publishing/outlet.h"

namespace tcpinfo::collect {

[[nodiscard]] bool https_available() noexcept;

/// A segment goes to URL/YYYY/MM/DD/NAME, in one request: after a fault it is sent from its
/// beginning. Only what the server answers with 200, 201 or 204 is acknowledged. The server's
/// certificate is always verified, and redirections are not followed.
/// @param secret header lines, "Name: value", that are sent with each request; may be empty
[[nodiscard]] std::unique_ptr<outlet> make_https_outlet(const publish_url& url,
                                                        std::string_view secret, std::string& why);

}  // namespace tcpinfo::collect

#endif
