// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-collect/published_rows.h"

#include "offline/tables/summary_rows.h"

namespace tcpinfo::tools {
namespace {

class published_rows final : public collect::connection_rows {
 public:
  [[nodiscard]] std::error_code make(bytes_view block, std::size_t first,
                                     const taker& take) override {
    return offline::make_summary_rows(block, first, take);
  }
};

}  // namespace

std::unique_ptr<collect::connection_rows> make_published_rows() {
  return std::make_unique<published_rows>();
}

}  // namespace tcpinfo::tools
