// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/metrics.h"

#include <prometheus/text_serializer.h>

#include "collect/serving/http_server.h"
#include "collect/serving/metric_families.h"

namespace tcpinfo::collect {

struct metrics_endpoint::impl {
  explicit impl(const metric_sources& from)
      : server({"/metrics", "text/plain; version=0.0.4; charset=utf-8", [this, from] {
                  return prometheus::TextSerializer().Serialize(
                      metric_families(from, server.counts()));
                }}) {}

  http_server server;
};

metrics_endpoint::metrics_endpoint(const metric_sources& from)
    : impl_(std::make_unique<impl>(from)) {}

metrics_endpoint::~metrics_endpoint() = default;

bool metrics_available() noexcept { return true; }

std::error_code metrics_endpoint::start(const listen_address& where) {
  where_ = where;
  return impl_->server.start(where_);
}

}  // namespace tcpinfo::collect
