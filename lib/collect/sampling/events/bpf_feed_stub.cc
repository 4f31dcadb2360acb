// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/bpf_feed.h"

namespace tcpinfo::collect {

std::unique_ptr<feed_maker> make_bpf_feed_maker(std::string& why) {
  why = "this program was built without libbpf";
  return nullptr;
}

}  // namespace tcpinfo::collect
