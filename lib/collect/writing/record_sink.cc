// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/record_sink.h"

#include "collect/writing/connections_layout.h"
#include "collect/writing/segments_layout.h"
#include "collect/writing/writer_context.h"

namespace tcpinfo::collect {

std::unique_ptr<record_sink> make_record_sink(const sink_context& context) {
  if (context.shared.settings.layout == layout::segments)
    return std::make_unique<segments_layout>(context);
  return std::make_unique<connections_layout>(context);
}

}  // namespace tcpinfo::collect
