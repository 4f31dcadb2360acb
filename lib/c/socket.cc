// SPDX-License-Identifier: Apache-2.0
//
// Dumps and queries.
#include <tcpinfo/inetdiag.h>

#include <utility>
#include <vector>

#include "c/message_queue.h"
#include "c/open_handle.h"
#include "c/result.h"
#include "c/structs.h"
#include "common/callback_scope.h"

using namespace tcpinfo;

struct tcpinfo_socket {
  diag_socket netlink;
  message_queue collected;        ///< what tcpinfo_socket_collected() has not given yet
  int fault = 0;                  ///< of that dump
  std::vector<std::byte> answer;  ///< to the latest query
  bool in_callback = false;
};

namespace {

/// A request, and what it points to.
struct request {
  dump_request what;
  filter exclude;
};

std::error_code add_rules(filter& rules, const tcpinfo_dump_options& options) noexcept {
  std::error_code ec;
  for (std::size_t i = 0; !ec && i < options.exclude_sport_count; ++i)
    ec = rules.exclude(filter_rule::local_port(options.exclude_sports[i]));
  const auto prefix_of = [](const tcpinfo_prefix& c) noexcept {
    // A length that does not fit would be taken for another one.
    const auto length = static_cast<std::uint8_t>(c.length > UINT8_MAX ? UINT8_MAX : c.length);
    return ip_prefix{from_c(c.address), length};
  };
  for (std::size_t i = 0; !ec && i < options.exclude_src_count; ++i)
    ec = rules.exclude(filter_rule::local_prefix(prefix_of(options.exclude_src[i])));
  for (std::size_t i = 0; !ec && i < options.exclude_dst_count; ++i)
    ec = rules.exclude(filter_rule::remote_prefix(prefix_of(options.exclude_dst[i])));
  return ec;
}

/// Null options are all connections, with all attributes.
int read_options(const tcpinfo_dump_options* given, request& out) noexcept {
  tcpinfo_dump_options options{};
  if (given == nullptr) {
    options.states = TCPINFO_STATES_CONNECTIONS;
    options.extensions = TCPINFO_EXTENSIONS_ALL;
  } else if (!c_take(given, options)) {
    return TCPINFO_E_INVALID_ARGUMENT;
  }
  const auto missing = [](const void* array, std::size_t count) noexcept {
    return array == nullptr && count > 0;
  };
  if ((options.states & ~TCPINFO_STATES_ALL) != 0 || options.extensions > TCPINFO_EXTENSIONS_ALL ||
      missing(options.exclude_sports, options.exclude_sport_count) ||
      missing(options.exclude_src, options.exclude_src_count) ||
      missing(options.exclude_dst, options.exclude_dst_count))
    return TCPINFO_E_INVALID_ARGUMENT;
  if (options.states == 0) return TCPINFO_E_EMPTY_REQUEST;
  switch (options.family) {
    case 0:
      out.what.families = dump_families::both;
      break;
    case static_cast<std::uint32_t>(address_family::ipv4):
      out.what.families = dump_families::ipv4;
      break;
    case static_cast<std::uint32_t>(address_family::ipv6):
      out.what.families = dump_families::ipv6;
      break;
    default:
      return TCPINFO_E_INVALID_ARGUMENT;
  }
  out.what.states = options.states;
  out.what.extensions = options.extensions;
  if (options.protocol != 0) out.what.protocol = static_cast<transport>(options.protocol);
  if (options.timeout_ns != 0) out.what.timeout_ns = options.timeout_ns;
  if (const std::error_code ec = add_rules(out.exclude, options)) return c_result(ec);
  if (!out.exclude.empty()) out.what.filter = &out.exclude;
  return 0;
}

/// Whether a dump's result says that the request is wrong: then nothing was sent.
bool refuses_request(int result) noexcept {
  return result == TCPINFO_E_INVALID_ARGUMENT || result == TCPINFO_E_EMPTY_REQUEST ||
         result == TCPINFO_E_FILTER_TOO_LARGE;
}

/// Null options are all attributes.
bool read_options(const tcpinfo_query_options* given, query_request& out) noexcept {
  tcpinfo_query_options options{};
  if (given == nullptr)
    options.extensions = TCPINFO_EXTENSIONS_ALL;
  else if (!c_take(given, options))
    return false;
  out.extensions = options.extensions;
  if (options.protocol != 0) out.protocol = static_cast<transport>(options.protocol);
  if (options.timeout_ns != 0) out.timeout_ns = options.timeout_ns;
  return options.extensions <= TCPINFO_EXTENSIONS_ALL;
}

}  // namespace

extern "C" {

int tcpinfo_socket_open(tcpinfo_socket** out, const tcpinfo_socket_options* given) noexcept {
  tcpinfo_socket_options asked{};
  if (out == nullptr || !c_take_options(given, asked) || asked.netns < -1 || asked.reserved != 0)
    return TCPINFO_E_INVALID_ARGUMENT;
  diag_socket_options options;
  options.netns = netns_from_c(asked.netns);
  return c_open_handle(out,
                       [&](tcpinfo_socket& made) noexcept { return made.netlink.open(options); });
}

void tcpinfo_socket_close(tcpinfo_socket* socket) noexcept { delete socket; }

int tcpinfo_socket_dump(tcpinfo_socket* socket, const tcpinfo_dump_options* options,
                        tcpinfo_message_callback callback, void* user) noexcept {
  if (socket == nullptr || callback == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (socket->in_callback) return TCPINFO_E_BUSY;
  request request;
  if (const int refused = read_options(options, request)) return refused;
  const callback_scope scope(socket->in_callback);
  return c_result(socket->netlink.dump(request.what, [&](const message& m) noexcept {
    const tcpinfo_message c = to_c(m);
    return callback(user, &c) == 0 ? iteration::go_on : iteration::stop;
  }));
}

int tcpinfo_socket_collect(tcpinfo_socket* socket, const tcpinfo_dump_options* options) noexcept {
  if (socket == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (socket->in_callback) return TCPINFO_E_BUSY;
  request request;
  if (const int refused = read_options(options, request)) return refused;
  socket->collected.clear();
  socket->fault = c_result(socket->netlink.dump(
      request.what, [socket](const message& m) noexcept { socket->collected.push(m); }));
  if (refuses_request(socket->fault)) return std::exchange(socket->fault, 0);
  if (socket->fault == 0 && socket->collected.lacked_memory())
    socket->fault = TCPINFO_E_OUT_OF_MEMORY;
  return 0;
}

int tcpinfo_socket_collected(tcpinfo_socket* socket, tcpinfo_message* out) noexcept {
  if (socket == nullptr || out == nullptr) return TCPINFO_E_INVALID_ARGUMENT;
  if (socket->in_callback) return TCPINFO_E_BUSY;
  message m;
  if (socket->collected.pop(m)) {
    *out = to_c(m);
    return 1;
  }
  return std::exchange(socket->fault, 0);
}

int tcpinfo_socket_query(tcpinfo_socket* socket, const tcpinfo_socket_id* id,
                         const tcpinfo_query_options* options, tcpinfo_message* out) noexcept {
  query_request request;
  if (socket == nullptr || id == nullptr || out == nullptr || !read_options(options, request))
    return TCPINFO_E_INVALID_ARGUMENT;
  if (socket->in_callback) return TCPINFO_E_BUSY;
  bool lacked_memory = false;
  const std::error_code ec =
      socket->netlink.query(from_c(*id), request, [&](const message& m) noexcept {
        lacked_memory = c_guarded([&] {
                          socket->answer.assign(m.bytes.begin(), m.bytes.end());
                          return 0;
                        }) != 0;
      });
  if (ec) return c_result(ec);
  if (lacked_memory) return TCPINFO_E_OUT_OF_MEMORY;
  *out = {socket->answer.data(), socket->answer.size()};
  return 0;
}

}  // extern "C"
