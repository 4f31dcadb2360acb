// SPDX-License-Identifier: Apache-2.0
//
// Metrics as OpenMetrics text.
#include <limits>
#include <string>
#include <vector>

#include "collect/serving/openmetrics.h"
#include "unit/catch.h"

using namespace tcpinfo::collect;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

TEST_CASE("counters, gauges and histograms as OpenMetrics has them, with exemplars") {
  ClientMetric sent;
  sent.label = {{"how", "a\"b\\c\nd"}, {"port", "443"}};
  sent.counter.value = 3;
  ClientMetric room;
  room.gauge.value = 2.5e9;
  ClientMetric times;
  times.label = {{"port", "443"}};
  times.histogram.bucket = {
      {1, 0.00005}, {2, 1}, {4, 1e6}, {5, std::numeric_limits<double>::infinity()}};
  times.histogram.sample_count = 5;
  times.histogram.sample_sum = 7.25;
  const std::vector<MetricFamily> families = {
      {"a_bytes_total", "Sent \"so\"\nfar.", MetricType::Counter, {sent}},
      {"a_room", "Room.", MetricType::Gauge, {room}},
      // Both would be the family a_room.
      {"a_room_total", "Rooms.", MetricType::Counter, {ClientMetric()}},
      {"a_time_seconds", "Times.", MetricType::Histogram, {times}}};
  const exemplars_by_family exemplars = {{"a_time_seconds",
                                          {{{"u_1", 0.00004, 1'700'000'000'012'345'678},
                                            {},
                                            {std::string(125, 'x'), 2, 1'000'000'000},
                                            {std::string(124, 'x'), 2e6, 1'000'000'000}}}}};
  CHECK(openmetrics_text(families, exemplars) ==
        "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes Sent \\\"so\\\"\\nfar.\n"
        "a_bytes_total{how=\"a\\\"b\\\\c\\nd\",port=\"443\"} 3.0\n"
        "# TYPE a_room gauge\n# HELP a_room Room.\na_room 2.5e+09\n"
        "# TYPE a_room_total unknown\n# HELP a_room_total Rooms.\na_room_total 0.0\n"
        "# TYPE a_time_seconds histogram\n# UNIT a_time_seconds seconds\n"
        "# HELP a_time_seconds Times.\n"
        "a_time_seconds_bucket{port=\"443\",le=\"5e-05\"} 1 # {uuid=\"u_1\"} 4e-05 "
        "1700000000.012\n"
        "a_time_seconds_bucket{port=\"443\",le=\"1.0\"} 2\n"
        "a_time_seconds_bucket{port=\"443\",le=\"1e+06\"} 4\n"
        "a_time_seconds_bucket{port=\"443\",le=\"+Inf\"} 5 # {uuid=\"" +
            std::string(124, 'x') +
            "\"} 2e+06 1.000\n"
            "a_time_seconds_count{port=\"443\"} 5\na_time_seconds_sum{port=\"443\"} 7.25\n"
            "# EOF\n");
}
