// SPDX-License-Identifier: Apache-2.0
//
// Publishes blocks to a subject that a stream of NATS (JetStream) takes. Two implementations:
// nats_outlet.cc where libnats is there, nats_outlet_stub.cc where it is not.
#ifndef TCPINFO_COLLECT_PUBLISHING_OUTLETS_NATS_OUTLET_H
#define TCPINFO_COLLECT_PUBLISHING_OUTLETS_NATS_OUTLET_H

#include <memory>
#include <string>

#include "collect/publish_url.h"
#include "collect/publishing/outlet.h"

namespace tcpinfo::collect {

[[nodiscard]] bool nats_available() noexcept;

/// Each block is a message, its id in the header Nats-Msg-Id, by which the stream knows duplicates,
/// and the key in Tcpinfo-Key. A batch is on its way at once; it is acknowledged when all of its
/// messages are.
/// The credentials are a .creds file.
[[nodiscard]] std::unique_ptr<outlet> make_nats_outlet(const publish_url& url, std::string& why);

}  // namespace tcpinfo::collect

#endif
