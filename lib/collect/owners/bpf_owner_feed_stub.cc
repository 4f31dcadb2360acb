// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/bpf_owner_feed.h"

namespace tcpinfo::collect {

std::unique_ptr<owner_feed> make_bpf_owner_feed(std::string& why) {
  why = "built without BPF programs";
  return nullptr;
}

}  // namespace tcpinfo::collect
