// SPDX-License-Identifier: Apache-2.0
//
// The event socket of a collector.
#include <tcpinfo/eventsocket.h>

#include <array>
#include <cerrno>
#include <string>

#include "c/open_handle.h"
#include "c/result.h"
#include "c/structs.h"
#include "common/callback_scope.h"

using namespace tcpinfo;

struct tcpinfo_events {
  event_client client;
  flow_event latest;
  std::array<std::string, 6> texts;  ///< those of `latest`, ending in NUL
  bool in_callback = false;
};

namespace {

/// The next event, as tcpinfo_events_next() tells it.
int step(tcpinfo_events& events) noexcept {
  bool more = false;
  const std::error_code ec = events.client.next(events.latest, more);
  if (ec) return c_result(ec);
  if (!more) return 0;
  return c_guarded([&] {
    const flow_event& e = events.latest;
    events.texts = {std::string(e.uuid), std::string(e.cgroup), std::string(e.owner),
                    std::string(e.pid),  std::string(e.comm),   std::string(e.executable)};
    return 1;
  });
}

tcpinfo_event told(const tcpinfo_events& events) noexcept {
  const flow_event& e = events.latest;
  tcpinfo_event c{};
  c.size = sizeof c;
  c.kind = static_cast<std::int64_t>(e.kind);
  c.time = to_c(e.time);
  const std::array told{&c.uuid, &c.cgroup, &c.owner, &c.pid, &c.comm, &c.executable};
  for (std::size_t i = 0; i < told.size(); ++i)
    if (!events.texts[i].empty()) *told[i] = events.texts[i].c_str();
  c.has_id = e.has_id;
  if (e.has_id != 0) c.id = to_c(e.id);
  return c;
}

}  // namespace

extern "C" {

int tcpinfo_events_connect(tcpinfo_events** out, const char* path,
                           const tcpinfo_events_options* given) noexcept {
  tcpinfo_events_options asked{};
  if (out == nullptr || path == nullptr || !c_take_options(given, asked) || asked.nonblocking > 1 ||
      asked.reserved != 0)
    return TCPINFO_E_INVALID_ARGUMENT;
  event_client_options options;
  options.nonblocking = asked.nonblocking;
  if (asked.max_line != 0) options.max_line = asked.max_line;
  return c_open_handle(
      out, [&](tcpinfo_events& made) noexcept { return made.client.connect(path, options); });
}

void tcpinfo_events_close(tcpinfo_events* events) noexcept { delete events; }

int tcpinfo_events_descriptor(const tcpinfo_events* events) noexcept {
  return events == nullptr ? -1 : events->client.descriptor();
}

int tcpinfo_events_next(tcpinfo_events* events, tcpinfo_event* out) noexcept {
  if (events == nullptr || !c_fillable(out)) return TCPINFO_E_INVALID_ARGUMENT;
  if (events->in_callback) return TCPINFO_E_BUSY;
  const int result = step(*events);
  if (result == 1) c_fill(*out, told(*events));
  return result;
}

int tcpinfo_events_each(tcpinfo_events* events, tcpinfo_event_callback callback,
                        void* user) noexcept {
  if (events == nullptr || callback == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (events->in_callback) return TCPINFO_E_BUSY;
  const callback_scope scope(events->in_callback);
  for (;;) {
    const int result = step(*events);
    if (result == 0 || result == -EAGAIN || result == -EINTR) return result;
    tcpinfo_event c{};
    if (result == 1) c = told(*events);
    if (callback(user, result, result == 1 ? &c : nullptr) != 0) return TCPINFO_E_STOPPED;
  }
}

}  // extern "C"
