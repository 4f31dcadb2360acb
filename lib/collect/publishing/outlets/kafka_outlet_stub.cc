// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/outlets/kafka_outlet.h"

namespace tcpinfo::collect {

bool kafka_available() noexcept { return false; }

std::unique_ptr<outlet> make_kafka_outlet(const publish_url&, std::string_view, std::string& why) {
  why = "this program was built without librdkafka";
  return nullptr;
}

}  // namespace tcpinfo::collect
