// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/metrics.h"

#include <prometheus/text_serializer.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "collect/serving/http_server.h"
#include "collect/serving/metric_families.h"
#include "collect/serving/openmetrics.h"
#include "collect/serving/recording_check.h"

namespace tcpinfo::collect {

struct metrics_endpoint::impl {
  explicit impl(const metric_sources& from) : recording(from.counts), server(pages(from)) {}

  std::vector<http_page> pages(const metric_sources& from) {
    const std::string plain = "text/plain; charset=utf-8";
    std::vector<http_page> all;
    // The older text is first, for those who do not say what they want.
    all.push_back({"/metrics", "text/plain; version=0.0.4; charset=utf-8", [this, from] {
                     return prometheus::TextSerializer().Serialize(
                         metric_families(from, server.counts()));
                   }});
    all.push_back({"/metrics", std::string(openmetrics_type), [this, from] {
                     exemplars_by_family exemplars;
                     const auto families = metric_families(from, server.counts(), &exemplars);
                     return openmetrics_text(families, exemplars);
                   }});
    all.push_back({"/healthz", plain, [] { return std::string("alive\n"); }});
    all.push_back({"/readyz", plain, [this] {
                     const auto now = std::chrono::steady_clock::now().time_since_epoch();
                     const auto wrong = recording.why_not(std::chrono::nanoseconds(now).count());
                     if (!wrong.empty()) throw http_unavailable(std::string(wrong));
                     return std::string("recording\n");
                   }});
    return all;
  }

  recording_check recording;  // of the server's thread
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
