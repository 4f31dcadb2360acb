// SPDX-License-Identifier: Apache-2.0
#include "collect/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <cerrno>

#include "collect/metric_families.h"

namespace tcpinfo::collect {
namespace {

class collectable final : public prometheus::Collectable {
 public:
  explicit collectable(const metric_sources& from) : from_(from) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    return metric_families(from_);
  }

 private:
  const metric_sources from_;
};

}  // namespace

struct metrics_endpoint::impl {
  std::shared_ptr<collectable> numbers;
  // After what it shows, so that it ends first.
  std::unique_ptr<prometheus::Exposer> exposer;
};

metrics_endpoint::metrics_endpoint(const metric_sources& from) : impl_(std::make_unique<impl>()) {
  impl_->numbers = std::make_shared<collectable>(from);
}

metrics_endpoint::~metrics_endpoint() = default;

bool metrics_available() noexcept { return true; }

std::error_code metrics_endpoint::start(const listen_address& where) {
  // The server does not tell why it cannot listen.
  if (const auto ec = try_listening(where)) return ec;
  std::string address = to_string(where);
  // Its own spelling of "everywhere": IPv4, and IPv6 where it was built with that.
  if (address.front() == ':') address.front() = '+';
  // One scrape at a time, and a second one that must not wait for a first that hangs.
  constexpr std::size_t threads = 2;
  try {
    impl_->exposer = std::make_unique<prometheus::Exposer>(address, threads);
  } catch (const std::exception&) {
    return {EAFNOSUPPORT, std::system_category()};
  }
  impl_->exposer->RegisterCollectable(impl_->numbers);
  where_ = where;
  if (const auto ports = impl_->exposer->GetListeningPorts(); !ports.empty())
    where_.port = static_cast<std::uint16_t>(ports.front());
  return {};
}

}  // namespace tcpinfo::collect
