// SPDX-License-Identifier: Apache-2.0
//
// The socket for questions (--query-socket): HTTP over a UNIX socket, whose file says by its mode
// who may ask.
#ifndef TCPINFO_COLLECT_SERVING_QUERY_SERVER_H
#define TCPINFO_COLLECT_SERVING_QUERY_SERVER_H

#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "collect/serving/event_listener.h"
#include "collect/serving/http_server.h"
#include "collect/serving/query_desk.h"

namespace tcpinfo::collect {

class query_server {
 public:
  /// The writers outlive it.
  explicit query_server(const std::vector<std::unique_ptr<writer>>& writers)
      : desk_(writers),
        server_([this](std::string_view path) { return desk_.answer(path); }, {.max_clients = 16}) {
  }
  ~query_server() { finish(); }
  query_server(const query_server&) = delete;
  query_server& operator=(const query_server&) = delete;

  /// Begins to answer who calls at `listener`, which outlives it.
  /// @return why there is no thread for it: an errno.
  [[nodiscard]] std::error_code start(const event_listener& listener) {
    return server_.start(listener.descriptor());
  }
  /// Ends the thread and all clients.
  void finish() noexcept {
    desk_.end();
    server_.finish();
  }

 private:
  query_desk desk_;
  http_server server_;
};

}  // namespace tcpinfo::collect

#endif
