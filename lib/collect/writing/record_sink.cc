// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/record_sink.h"

#include "collect/writing/connections_layout.h"

namespace tcpinfo::collect {

std::unique_ptr<record_sink> make_record_sink(const sink_context& context) {
  return std::make_unique<connections_layout>(context);
}

}  // namespace tcpinfo::collect
