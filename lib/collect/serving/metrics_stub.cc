// SPDX-License-Identifier: Apache-2.0
//
// In place of metrics.cc where prometheus-cpp is not there.
#include <cerrno>

#include "collect/serving/metrics.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

struct metrics_endpoint::impl {};

metrics_endpoint::metrics_endpoint(const metric_sources&) {}
metrics_endpoint::~metrics_endpoint() = default;

bool metrics_available() noexcept { return false; }

std::error_code metrics_endpoint::start(const listen_address&) { return system_error(ENOTSUP); }

}  // namespace tcpinfo::collect
