// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/outlets/nats_outlet.h"

namespace tcpinfo::collect {

bool nats_available() noexcept { return false; }

std::unique_ptr<outlet> make_nats_outlet(const publish_url&, std::string& why) {
  why = "this program was built without libnats";
  return nullptr;
}

}  // namespace tcpinfo::collect
