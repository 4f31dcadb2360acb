// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/make_outlet.h"

#include "collect/publishing/outlets/file_outlet.h"
#include "collect/publishing/outlets/https_outlet.h"
#include "collect/publishing/outlets/kafka_outlet.h"
#include "collect/publishing/outlets/nats_outlet.h"
#include "collect/publishing/secret_file.h"

namespace tcpinfo::collect {

bool can_publish(publish_by how) noexcept {
  switch (how) {
    case publish_by::file:
      return true;
    case publish_by::https:
      return https_available();
    case publish_by::nats:
      return nats_available();
    case publish_by::kafka:
      return kafka_available();
  }
  return false;
}

std::unique_ptr<outlet> make_outlet(os& system, const publish_url& url, std::string& why) {
  std::string secret;
  if (!url.credentials.empty()) {
    why = read_secret(url.credentials, secret);
    if (!why.empty()) return nullptr;
  }
  switch (url.how) {
    case publish_by::file:
      return std::make_unique<file_outlet>(system, url.path);
    case publish_by::https:
      return make_https_outlet(url, secret, why);
    case publish_by::nats:
      return make_nats_outlet(url, why);
    case publish_by::kafka:
      return make_kafka_outlet(url, secret, why);
  }
  return nullptr;
}

}  // namespace tcpinfo::collect
