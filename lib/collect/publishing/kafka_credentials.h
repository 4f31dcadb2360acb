// SPDX-License-Identifier: Apache-2.0
//
// How a client of Kafka proves who it is: the file that ?credentials= names.
#ifndef TCPINFO_COLLECT_PUBLISHING_KAFKA_CREDENTIALS_H
#define TCPINFO_COLLECT_PUBLISHING_KAFKA_CREDENTIALS_H

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tcpinfo::collect {

/// Names and values, as librdkafka calls them.
using kafka_settings = std::vector<std::pair<std::string, std::string>>;

/// Reads lines NAME=VALUE, empty ones and those of # apart. The names are sasl.mechanism (PLAIN,
/// SCRAM-SHA-256, SCRAM-SHA-512), sasl.username, sasl.password, ssl.certificate.location,
/// ssl.key.location and ssl.key.password; no other is taken, so that no line makes a connection
/// less safe. Adds to `out`, security.protocol among it. Throws std::bad_alloc.
/// @return what is wrong, without any value; empty: nothing is.
[[nodiscard]] std::string read_kafka_credentials(std::string_view text, kafka_settings& out);

}  // namespace tcpinfo::collect

#endif
