// SPDX-License-Identifier: Apache-2.0
//
// Publishes blocks to a topic of Kafka. Two implementations: kafka_outlet.cc where librdkafka is
// there, kafka_outlet_stub.cc where it is not.
#ifndef TCPINFO_COLLECT_PUBLISHING_OUTLETS_KAFKA_OUTLET_H
#define TCPINFO_COLLECT_PUBLISHING_OUTLETS_KAFKA_OUTLET_H

#include <memory>
#include <string>
#include <string_view>

#include "collect/publish_url.h"
#include "collect/publishing/outlet.h"

namespace tcpinfo::collect {

[[nodiscard]] bool kafka_available() noexcept;

/// Each block is a message, its id in the header id. The key of the batch is the message's: what
/// has the same one is in one partition, in its order. A batch is acknowledged when all replicas
/// that are in sync have all of its messages.
/// @param secret lines of credentials as kafka_credentials.h has them; may be empty
[[nodiscard]] std::unique_ptr<outlet> make_kafka_outlet(const publish_url& url,
                                                        std::string_view secret, std::string& why);

}  // namespace tcpinfo::collect

#endif
