// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/outlets/https_outlet.h"

namespace tcpinfo::collect {

bool https_available() noexcept { return false; }

std::unique_ptr<outlet> make_https_outlet(const publish_url&, std::string_view, std::string& why) {
  why = "this program was built without libcurl";
  return nullptr;
}

}  // namespace tcpinfo::collect
