// SPDX-License-Identifier: Apache-2.0
#include "collect/marks.h"

namespace tcpinfo::collect {

std::unique_ptr<mark_maker> make_mark_maker(std::string& why) {
  why = "this program was built without libbpf";
  return nullptr;
}

}  // namespace tcpinfo::collect
