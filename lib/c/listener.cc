// SPDX-License-Identifier: Apache-2.0
//
// Sockets that end.
#include <tcpinfo/inetdiag.h>

#include "c/message_queue.h"
#include "c/open_handle.h"
#include "c/result.h"
#include "c/structs.h"
#include "common/callback_scope.h"

using namespace tcpinfo;

struct tcpinfo_listener {
  destroy_listener netlink;
  message_queue received;  ///< and not handed over yet
  bool in_callback = false;
};

extern "C" {

int tcpinfo_listener_open(tcpinfo_listener** out, const tcpinfo_listener_options* given) noexcept {
  tcpinfo_listener_options asked{};
  if (out == nullptr || !c_take_options(given, asked) || asked.netns < -1 || asked.reserved != 0)
    return TCPINFO_E_INVALID_ARGUMENT;
  listener_options options;
  options.receive_buffer = asked.receive_buffer;
  options.netns = netns_from_c(asked.netns);
  return c_open_handle(out,
                       [&](tcpinfo_listener& made) noexcept { return made.netlink.open(options); });
}

void tcpinfo_listener_close(tcpinfo_listener* listener) noexcept { delete listener; }

int tcpinfo_listener_descriptor(const tcpinfo_listener* listener) noexcept {
  return listener == nullptr ? -1 : listener->netlink.descriptor();
}

int tcpinfo_listener_receive(tcpinfo_listener* listener, tcpinfo_message_callback callback,
                             void* user) noexcept {
  if (listener == nullptr || callback == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (listener->in_callback) return TCPINFO_E_BUSY;
  const callback_scope scope(listener->in_callback);
  const auto tell = [&](const message& m) noexcept {
    const tcpinfo_message c = to_c(m);
    return callback(user, &c) == 0 ? iteration::go_on : iteration::stop;
  };
  for (message m; listener->received.pop(m);)
    if (tell(m) == iteration::stop) return TCPINFO_E_STOPPED;
  listener->received.clear();
  return c_result(listener->netlink.receive(tell));
}

int tcpinfo_listener_next(tcpinfo_listener* listener, tcpinfo_message* out) noexcept {
  if (listener == nullptr || out == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (listener->in_callback) return TCPINFO_E_BUSY;
  message m;
  if (!listener->received.pop(m)) {
    listener->received.clear();
    const std::error_code ec = listener->netlink.receive(
        [listener](const message& each) noexcept { listener->received.push(each); });
    // What has come before a fault is given first; the fault comes again with the next attempt.
    if (!listener->received.pop(m))
      return ec ? c_result(ec) : listener->received.lacked_memory() ? TCPINFO_E_OUT_OF_MEMORY : 0;
  }
  *out = to_c(m);
  return 1;
}

uint64_t tcpinfo_listener_overflows(const tcpinfo_listener* listener) noexcept {
  if (listener == nullptr) return 0;
  return static_cast<std::uint64_t>(listener->netlink.counter(dump_counter::overflows));
}

}  // extern "C"
