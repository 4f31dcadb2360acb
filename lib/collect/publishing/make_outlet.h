// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_PUBLISHING_MAKE_OUTLET_H
#define TCPINFO_COLLECT_PUBLISHING_MAKE_OUTLET_H

#include <memory>
#include <string>

#include "collect/os/os.h"
#include "collect/publish_url.h"
#include "collect/publishing/outlet.h"

namespace tcpinfo::collect {

/// Whether this program can send so at all: which protocols it has is decided when it is built.
[[nodiscard]] bool can_publish(publish_by how) noexcept;

/// Makes the outlet of a target, and reads its credentials. Nothing is sent yet, and no server is
/// asked. `system` outlives it. Throws std::bad_alloc.
/// @param why where it is null: what is wrong
[[nodiscard]] std::unique_ptr<outlet> make_outlet(os& system, const publish_url& url,
                                                  std::string& why);

}  // namespace tcpinfo::collect

#endif
