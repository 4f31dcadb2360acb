// SPDX-License-Identifier: Apache-2.0
//
// Dumps, queries and the destroy listener through the interface for C, in network namespaces of its
// own, on connections made here.
//
// usage: c_live
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <tcpinfo/c.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {

constexpr int pairs = 20;
constexpr int skipped = 77;

#define CHECK(holds)                                                                            \
  do {                                                                                          \
    if (!(holds)) {                                                                             \
      std::printf("%s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #holds, std::strerror(errno)); \
      std::exit(1);                                                                             \
    }                                                                                           \
  } while (false)

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  CHECK(::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
  return cookie;
}

/// A listener on a loopback port and connections to it.
struct connections {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  int clients[pairs] = {};
  int servers[pairs] = {};

  connections() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    CHECK(::bind(listener, generic, size) == 0 && ::listen(listener, pairs) == 0);
    CHECK(::getsockname(listener, generic, &size) == 0);
    for (int i = 0; i < pairs; ++i) {
      clients[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      CHECK(::connect(clients[i], generic, sizeof address) == 0);
      servers[i] = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      CHECK(servers[i] >= 0);
    }
  }
  [[nodiscard]] std::uint16_t port() const { return ntohs(address.sin_port); }
  [[nodiscard]] std::map<std::uint64_t, int> cookies() const {
    std::map<std::uint64_t, int> all;
    for (int i = 0; i < pairs; ++i) all[cookie_of(clients[i])] = all[cookie_of(servers[i])] = 0;
    return all;
  }
};

/// What a dump or a listener handed over: by cookie, how often.
struct told {
  std::map<std::uint64_t, int> seen;
  int messages = 0;
  int stop_after = -1;
  tcpinfo_socket* used = nullptr;
  int from_within = 0;

  void take(const tcpinfo_message& m) {
    tcpinfo_socket_id id{};
    CHECK(tcpinfo_message_id(&m, &id) == 0);
    ++seen[id.cookie];
    ++messages;
  }
  static int callback(void* user, const tcpinfo_message* m) {
    auto& self = *static_cast<told*>(user);
    self.take(*m);
    if (self.used != nullptr) self.from_within = tcpinfo_socket_collect(self.used, nullptr);
    return self.messages == self.stop_after ? 1 : 0;
  }
};

void check_dumps(tcpinfo_socket* socket, const connections& made) {
  const auto wanted = made.cookies();
  told by_callback;
  by_callback.used = socket;
  CHECK(tcpinfo_socket_dump(socket, nullptr, told::callback, &by_callback) == 0);
  CHECK(by_callback.from_within == TCPINFO_E_BUSY);
  CHECK(by_callback.messages == 2 * pairs);
  for (const auto& [cookie, zero] : wanted) CHECK(by_callback.seen[cookie] == 1);

  told one_by_one;
  tcpinfo_message message{};
  CHECK(tcpinfo_socket_collect(socket, nullptr) == 0);
  int result = 0;
  while ((result = tcpinfo_socket_collected(socket, &message)) == 1) one_by_one.take(message);
  CHECK(result == 0 && one_by_one.seen == by_callback.seen);
  CHECK(tcpinfo_socket_collected(socket, &message) == 0);

  told stopped;
  stopped.stop_after = 3;
  CHECK(tcpinfo_socket_dump(socket, nullptr, told::callback, &stopped) == TCPINFO_E_STOPPED);
  CHECK(stopped.messages == 3);
}

void check_options(tcpinfo_socket* socket, const connections& made) {
  const auto count = [&](const tcpinfo_dump_options& options) {
    told all;
    CHECK(tcpinfo_socket_dump(socket, &options, told::callback, &all) == 0);
    return all.messages;
  };
  tcpinfo_dump_options options;
  TCPINFO_INIT(options);
  told none;
  CHECK(tcpinfo_socket_dump(socket, &options, told::callback, &none) == TCPINFO_E_EMPTY_REQUEST);
  options.states = TCPINFO_STATE_BIT(TCPINFO_STATE_LISTEN);
  CHECK(count(options) == 1);
  options.states = TCPINFO_STATES_ALL;
  CHECK(count(options) == 2 * pairs + 1);
  const std::uint16_t port = made.port();
  options.exclude_sports = &port;
  options.exclude_sport_count = 1;
  CHECK(count(options) == pairs);
  options.family = AF_INET6;
  CHECK(count(options) == 0);
  options.family = AF_INET;
  CHECK(count(options) == pairs);
  tcpinfo_prefix loopback{};
  loopback.address.family = AF_INET;
  loopback.address.bytes[0] = 127;
  loopback.length = 8;
  options.exclude_dst = &loopback;
  options.exclude_dst_count = 1;
  CHECK(count(options) == 0);
  CHECK(none.messages == 0);

  // What cannot be asked for.
  const auto refused = [&](const tcpinfo_dump_options& wrong) {
    return tcpinfo_socket_collect(socket, &wrong) == TCPINFO_E_INVALID_ARGUMENT &&
           tcpinfo_socket_dump(socket, &wrong, told::callback, &none) == TCPINFO_E_INVALID_ARGUMENT;
  };
  loopback.length = 300;
  CHECK(refused(options));
  loopback.length = 8;
  options.exclude_dst = nullptr;
  CHECK(refused(options));
  options.exclude_dst_count = 0;
  options.family = 3;
  CHECK(refused(options));
  options.family = 0;
  options.states = UINT32_C(1) << 20;
  CHECK(refused(options));
  options.states = TCPINFO_STATES_ALL;
  options.extensions = 0x100;
  CHECK(refused(options));
  options.extensions = 0;
  options.protocol = 5;
  CHECK(refused(options));
  options.protocol = IPPROTO_TCP;
  options.timeout_ns = -1;
  CHECK(refused(options));
  options.timeout_ns = 5'000'000'000;
  CHECK(count(options) == pairs);
  options.size = 8;
  CHECK(refused(options));
  CHECK(none.messages == 0);
}

void check_query(tcpinfo_socket* socket, const connections& made) {
  tcpinfo_socket_id id{};
  CHECK(tcpinfo_socket_id_of(made.clients[0], &id) == 0);
  CHECK(id.cookie == cookie_of(made.clients[0]) && id.dport == made.port());
  tcpinfo_message message{};
  CHECK(tcpinfo_socket_query(socket, &id, nullptr, &message) == 0);
  CHECK(tcpinfo_message_state(&message) == TCPINFO_STATE_ESTABLISHED);
  const std::size_t whole = message.length;
  char ends[128];
  CHECK(tcpinfo_id_text(&id, ends, sizeof ends) < sizeof ends);
  CHECK(std::string(ends).ends_with("127.0.0.1:" + std::to_string(made.port())));
  tcpinfo_socket_id answered{};
  CHECK(tcpinfo_message_id(&message, &answered) == 0);
  CHECK(std::memcmp(&id, &answered, sizeof id) == 0);
  tcpinfo_snapshot* snapshot = nullptr;
  CHECK(tcpinfo_snapshot_new(&snapshot) == 0);
  CHECK(tcpinfo_snapshot_decode(snapshot, &message, tcpinfo_kernel_layout()) == 0);
  std::uint64_t state = 0;
  CHECK(tcpinfo_snapshot_value_of(snapshot, "state", &state) == 1);
  CHECK(std::string(tcpinfo_state_name(static_cast<std::uint32_t>(state))) == "ESTABLISHED");
  tcpinfo_snapshot_free(snapshot);

  // Zeroed options ask for the header; attributes that the kernel sends unasked come with it.
  tcpinfo_query_options options;
  TCPINFO_INIT(options);
  CHECK(tcpinfo_socket_query(socket, &id, &options, &message) == 0);
  CHECK(message.length < whole);
  options.extensions = TCPINFO_EXTENSION(TCPINFO_ATTRIBUTE_INFO);
  options.protocol = IPPROTO_TCP;
  options.timeout_ns = 5'000'000'000;
  CHECK(tcpinfo_socket_query(socket, &id, &options, &message) == 0);

  ++id.cookie;
  const int other_cookie = tcpinfo_socket_query(socket, &id, nullptr, &message);
  CHECK(other_cookie == -ESTALE || other_cookie == -ENOENT);
  id.cookie = TCPINFO_ANY_COOKIE;
  CHECK(tcpinfo_socket_query(socket, &id, nullptr, &message) == 0);
  const auto refused = [&](const tcpinfo_query_options& wrong) {
    return tcpinfo_socket_query(socket, &id, &wrong, &message) == TCPINFO_E_INVALID_ARGUMENT;
  };
  options.extensions = 0x100;
  CHECK(refused(options));
  options.extensions = 0;
  options.protocol = 5;
  CHECK(refused(options));
  options.protocol = 0;
  options.timeout_ns = -1;
  CHECK(refused(options));
  options.timeout_ns = 0;
  options.size = 8;
  CHECK(refused(options));
  id.src.family = 0;
  CHECK(tcpinfo_socket_query(socket, &id, nullptr, &message) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_socket_id_of(made.listener, &id) == -ENOTCONN);
}

void wait_for(tcpinfo_listener* listener) {
  pollfd waits{tcpinfo_listener_descriptor(listener), POLLIN, 0};
  CHECK(::poll(&waits, 1, 10'000) == 1);
}

/// Ends all connections; the kernel tells each end once, with the bytes that went over it.
void check_ends(tcpinfo_listener* listener, const connections& made) {
  const auto wanted = made.cookies();
  tcpinfo_message message{};
  CHECK(tcpinfo_listener_next(listener, &message) == 0);
  told all;
  CHECK(tcpinfo_listener_receive(listener, told::callback, &all) == 0 && all.messages == 0);
  for (int i = 0; i < pairs; ++i) {
    // Reset by one end: no time-wait socket is left, and both ends are told at once.
    const linger at_once{1, 0};
    CHECK(::setsockopt(made.servers[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    ::close(made.servers[i]);
    ::close(made.clients[i]);
  }
  // Stopped, it keeps what had come; the next one comes one by one, the rest by callback.
  all.stop_after = 2;
  int result = 0;
  while (result == 0) {
    wait_for(listener);
    result = tcpinfo_listener_receive(listener, told::callback, &all);
  }
  CHECK(result == TCPINFO_E_STOPPED && all.messages == 2);
  while ((result = tcpinfo_listener_next(listener, &message)) == 0) wait_for(listener);
  CHECK(result == 1);
  all.take(message);
  all.stop_after = -1;
  while (all.messages < 2 * pairs) {
    CHECK(tcpinfo_listener_receive(listener, told::callback, &all) == 0);
    if (all.messages < 2 * pairs) wait_for(listener);
  }
  for (const auto& [cookie, zero] : wanted) CHECK(all.seen[cookie] == 1);
  CHECK(all.messages == 2 * pairs);
  CHECK(tcpinfo_listener_next(listener, &message) == 0);
  CHECK(tcpinfo_listener_overflows(listener) == 0);
}

bool own_namespace() {
  if (::unshare(CLONE_NEWNET) != 0) {
    std::printf("SKIP: no network namespace may be made here (%s)\n", std::strerror(errno));
    return false;
  }
  if (std::system("ip link set lo up") != 0) {
    std::printf("SKIP: no ip command to bring the namespace's loopback up\n");
    return false;
  }
  return true;
}

}  // namespace

int main() {
  if (!own_namespace()) return skipped;
  const int first = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  CHECK(first >= 0);
  const connections made;
  if (!own_namespace()) return skipped;

  // Here is nothing; sockets of the first namespace are asked from the second.
  tcpinfo_socket* socket = nullptr;
  CHECK(tcpinfo_socket_open(&socket, nullptr) == 0);
  told nothing;
  CHECK(tcpinfo_socket_dump(socket, nullptr, told::callback, &nothing) == 0);
  CHECK(nothing.messages == 0);
  tcpinfo_socket_close(socket);

  tcpinfo_listener* listener = nullptr;
  tcpinfo_listener_options listening;
  TCPINFO_INIT(listening);
  listening.receive_buffer = std::size_t{1} << 20;
  listening.netns = first;
  CHECK(tcpinfo_listener_open(&listener, &listening) == 0);
  tcpinfo_socket_options options;
  TCPINFO_INIT(options);
  options.netns = first;
  CHECK(tcpinfo_socket_open(&socket, &options) == 0);
  check_dumps(socket, made);
  check_options(socket, made);
  check_query(socket, made);
  check_ends(listener, made);
  tcpinfo_socket_close(socket);
  tcpinfo_listener_close(listener);

  // A descriptor that is no network namespace.
  const int null = ::open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  CHECK(null >= 0);
  options.netns = null;
  CHECK(tcpinfo_socket_open(&socket, &options) == -EINVAL);
  options.netns = 9999;
  CHECK(tcpinfo_socket_open(&socket, &options) == -EBADF);
  // The caller is still where it was; no descriptor is 0 or -1, also where 0 is a namespace's.
  CHECK(::dup2(first, 0) == 0);
  for (options.netns = -1; options.netns <= 0; ++options.netns) {
    CHECK(tcpinfo_socket_open(&socket, &options) == 0);
    CHECK(tcpinfo_socket_dump(socket, nullptr, told::callback, &nothing) == 0);
    CHECK(nothing.messages == 0);
    tcpinfo_socket_close(socket);
  }
  std::printf("passed\n");
}
