// SPDX-License-Identifier: Apache-2.0
//
// Requests to the running kernel, in network namespaces of its own: filters in the kernel against
// the same ones over a whole dump, callbacks that stop, dumps that an event loop drives, timeouts,
// other protocols, and sockets of another namespace.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <tcpinfo/inetdiag.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace tcpinfo;

namespace {

listener_options with_queue_of(std::size_t bytes) {
  listener_options options;
  options.receive_buffer = bytes;
  return options;
}

// Whether requests are lost on their way, so that no answer comes.
bool lose_requests = false;

}  // namespace

// The library's too.
extern "C" [[gnu::visibility("default")]] ssize_t sendmsg(int fd, const msghdr* message,
                                                          int flags) {
  if (!lose_requests) return syscall(SYS_sendmsg, fd, message, flags);
  std::size_t size = 0;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) size += message->msg_iov[i].iov_len;
  return static_cast<ssize_t>(size);
}

namespace {

int failures = 0;

void check(bool good, const std::string& what) {
  if (good) return;
  ++failures;
  std::printf("FAILED: %s\n", what.c_str());
}

// Not a failure of ours when the environment says no; anything else is.
void must(bool good, const char* what) {
  if (good) return;
  std::printf("cannot %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

class owned_fd {
 public:
  explicit owned_fd(int fd = -1) : fd_(fd) {}
  ~owned_fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  owned_fd(owned_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  owned_fd& operator=(owned_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// What a socket is given before it is connected.
struct traits {
  bool v6 = false;
  bool mapped = false;         // to an IPv4-mapped address
  std::uint8_t last_byte = 1;  // of the server's address in 127.0.0.0/8
  std::uint32_t mark = 0;
  bool on_loopback = false;  // bound to the interface lo
  bool bound_port = false;   // by the program
};

struct connection {
  owned_fd client;
  owned_fd server;
};

void give(int fd, const traits& t) {
  if (t.mark != 0)
    must(setsockopt(fd, SOL_SOCKET, SO_MARK, &t.mark, sizeof t.mark) == 0, "set SO_MARK");
  if (t.on_loopback)
    must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0, "set SO_BINDTODEVICE");
}

connection connect_as(const traits& t) {
  const int family = t.v6 || t.mapped ? AF_INET6 : AF_INET;
  sockaddr_in6 six{};
  sockaddr_in four{};
  six.sin6_family = AF_INET6;
  six.sin6_addr = in6addr_loopback;
  four.sin_family = AF_INET;
  four.sin_addr.s_addr = htonl(0x7f000000U | t.last_byte);
  if (t.mapped) {
    six.sin6_addr = {};
    six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
    six.sin6_addr.s6_addr[12] = 127;
    six.sin6_addr.s6_addr[15] = t.last_byte;
  }
  auto* const address =
      family == AF_INET6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
  socklen_t size = family == AF_INET6 ? sizeof six : sizeof four;
  const owned_fd listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(listener.get() >= 0, "make a socket");
  must(bind(listener.get(), address, size) == 0 && listen(listener.get(), 8) == 0, "listen");
  connection made;
  made.client = owned_fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  give(made.client.get(), t);
  // Bound to a port of the program's choice, which then no longer counts as automatic.
  if (t.bound_port) {
    static std::uint16_t port = 20'000;
    sockaddr_in6 own6 = six;
    sockaddr_in own4 = four;
    auto* const own = family == AF_INET6 ? reinterpret_cast<sockaddr*>(&own6)
                                         : reinterpret_cast<sockaddr*>(&own4);
    own6.sin6_port = own4.sin_port = htons(++port);
    must(bind(made.client.get(), own, size) == 0, "bind to a port");
  }
  must(getsockname(listener.get(), address, &size) == 0, "getsockname");
  must(connect(made.client.get(), address, size) == 0, "connect");
  made.server = owned_fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  must(made.server.get() >= 0, "accept");
  return made;
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  must(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0, "read SO_COOKIE");
  return cookie;
}

using shown = std::map<std::uint64_t, std::vector<std::byte>>;
using cookies = std::set<std::uint64_t>;

cookies keys(const shown& s) {
  cookies k;
  for (const auto& [cookie, bytes] : s) k.insert(cookie);
  return k;
}

dump_request established() {
  dump_request request;
  request.states = state_bit(tcp_state::established);
  request.extensions = all_extensions;
  return request;
}

shown dump(diag_socket& socket, const dump_request& request, const std::string& what) {
  shown result;
  const auto ec = socket.dump(request, [&](const message& m) {
    result[m.cookie()].assign(m.bytes.begin(), m.bytes.end());
  });
  check(!ec, what + ": " + ec.message());
  return result;
}

// The same rules in the kernel and over a whole dump.
void compare(diag_socket& socket, const shown& all, const filter& f, const std::string& what) {
  cookies expected;
  for (const auto& [cookie, bytes] : all)
    if (f.passes(message{bytes})) expected.insert(cookie);
  dump_request request = established();
  request.filter = &f;
  for (const dump_families families : {dump_families::ipv4, dump_families::ipv6}) {
    request.families = families;
    for (const auto& [cookie, bytes] : dump(socket, request, what))
      check(expected.contains(cookie), what);
  }
  request.families = dump_families::both;
  check(keys(dump(socket, request, what)) == expected, what);
}

// By a value that a message has.
filter_rule rule_of(const message& m, unsigned kind, std::mt19937& random) {
  const auto bits = [&](const ip_address& a) {
    return ip_prefix::of(a, static_cast<unsigned>(random() % 129));
  };
  const auto mark = m.find(attribute_type::mark);
  const auto cgroup = m.find(attribute_type::cgroup_id);
  const auto ports = [&](std::uint16_t port) {
    return std::pair{static_cast<std::uint16_t>(port - random() % 3),
                     static_cast<std::uint16_t>(port + random() % 3)};
  };
  switch (kind) {
    case 0:
      return filter_rule::local_ports(ports(m.sport()).first, m.sport());
    case 1:
      return filter_rule::remote_ports(m.dport(), ports(m.dport()).second);
    case 2:
      return filter_rule::local_prefix(bits(m.src()));
    case 3:
      return filter_rule::remote_prefix(bits(m.dst()));
    case 4:
      return filter_rule::bound_to(m.interface());
    case 5: {
      const auto mask = static_cast<std::uint32_t>(random());
      return filter_rule::marked((mark ? wire::load<std::uint32_t>(mark->data()) : 0) & mask, mask);
    }
    default:
      return filter_rule::of_cgroup((cgroup ? wire::load<std::uint64_t>(cgroup->data()) : 1) +
                                    random() % 2);
  }
}

void kernel_and_we_filter_alike(diag_socket& socket) {
  const shown all = dump(socket, established(), "a whole dump");
  std::vector<message> known;
  for (const auto& [cookie, bytes] : all) known.push_back(message{bytes});
  const bool cgroups = known.front().find(attribute_type::cgroup_id).has_value();
  check(known.front().find(attribute_type::mark).has_value(), "root is told of marks");
  std::mt19937 random(5);
  int mixed = 0;
  for (int round = 0; round < 150; ++round) {
    filter f;
    std::string what = "round " + std::to_string(round) + ':';
    for (unsigned n = 1 + random() % 4; n > 0; --n) {
      const auto kind = static_cast<unsigned>(random() % (cgroups ? 7 : 6));
      const filter_rule rule = rule_of(known[random() % known.size()], kind, random);
      const bool includes = random() % 3 != 0;
      check(!(includes ? f.include(rule) : f.exclude(rule)), "a rule is taken");
      what += (includes ? " +" : " -") + std::to_string(kind);
    }
    compare(socket, all, f, what);
    const auto passing =
        std::count_if(known.begin(), known.end(), [&](const message& m) { return f.passes(m); });
    mixed += passing > 0 && passing < static_cast<std::ptrdiff_t>(known.size()) ? 1 : 0;
  }
  check(mixed > 30, "filters let some pass and others not");
  // Too many for the kernel: the dump decides about them.
  filter many;
  for (std::size_t i = 0; i < known.size(); i += 2)
    check(!many.include(filter_rule::local_port(known[i].sport())), "a rule is taken");
  for (unsigned port = 1; port < 200; port += 2)
    check(!many.include(filter_rule::local_port(static_cast<std::uint16_t>(port))), "a rule");
  compare(socket, all, many, "more rules than the kernel is given");
  check(!many.program_is_whole(), "and they are more");
}

void automatic_ports_are_told_apart(diag_socket& socket, const std::vector<connection>& bound) {
  const shown all = dump(socket, established(), "a whole dump");
  dump_request request = established();
  cookies clients;
  for (const connection& c : bound) clients.insert(cookie_of(c.client.get()));
  filter only;
  check(!only.include(filter_rule::with_automatic_port()), "a rule is taken");
  request.filter = &only;
  const cookies automatic = keys(dump(socket, request, "automatic ports"));
  filter others;
  check(!others.exclude(filter_rule::with_automatic_port()), "a rule is taken");
  request.filter = &others;
  const cookies chosen = keys(dump(socket, request, "chosen ports"));
  check(automatic.size() + chosen.size() == all.size(), "each is the one or the other");
  check(!automatic.empty(), "some are automatic");
  check(std::includes(chosen.begin(), chosen.end(), clients.begin(), clients.end()),
        "those that were bound are not");
}

void bytecode_of_the_callers_is_passed_on(diag_socket& socket) {
  const shown all = dump(socket, established(), "a whole dump");
  const message some{all.begin()->second};
  filter by_port;
  check(!by_port.include(filter_rule::local_port(some.sport())), "a rule is taken");
  bytes_view program;
  check(!by_port.program(program), "a program");
  dump_request request = established();
  request.bytecode = program;
  cookies expected;
  for (const auto& [cookie, bytes] : all)
    if (message{bytes}.sport() == some.sport()) expected.insert(cookie);
  check(keys(dump(socket, request, "bytecode")) == expected, "bytecode is run");
  // With a filter, both count.
  filter no_port;
  check(!no_port.exclude(filter_rule::local_port(some.sport())), "a rule is taken");
  request.filter = &no_port;
  check(dump(socket, request, "bytecode and a filter").empty(), "both must accept");
  filter by_remote_port;
  check(!by_remote_port.include(filter_rule::remote_port(some.dport())), "a rule is taken");
  request.filter = &by_remote_port;
  check(keys(dump(socket, request, "bytecode and a filter")).contains(some.cookie()),
        "both do accept");
  const std::byte garbage[8] = {std::byte{200}};
  request.bytecode = garbage;
  request.filter = nullptr;
  check(socket.dump(request, [](const message&) {}) == std::errc::invalid_argument,
        "the kernel refuses garbage");
  check(dump(socket, established(), "a dump after it").size() == all.size(), "and goes on");
}

void callbacks_stop(diag_socket& socket) {
  const shown all = dump(socket, established(), "a whole dump");
  int seen = 0;
  const auto three = [&](const message&) {
    return ++seen == 3 ? iteration::stop : iteration::go_on;
  };
  check(socket.dump(established(), three) == errc::stopped, "a dump is stopped");
  check(seen == 3, "at once");
  check(socket.counter(dump_counter::dropped) > 0, "what is not handed over is counted");
  check(socket.counter(dump_counter::completed) == 0, "it is not complete");
  check(dump(socket, established(), "a dump after it").size() == all.size(),
        "the next dump has all of its own and no other");
  std::vector<socket_id> ids;
  while (ids.size() < 300)
    for (const auto& [cookie, bytes] : all) ids.push_back(message{bytes}.id());
  for (const int most : {1, 5, 64, 70}) {
    seen = 0;
    check(socket.query_all(ids, all_extensions,
                           [&](const query_answer&) {
                             return ++seen == most ? iteration::stop : iteration::go_on;
                           }) == errc::stopped,
          "a batch is stopped");
    check(seen == most, "at once");
    // What was asked for and not handed over is no answer to what is asked now.
    int answers = 0;
    check(!socket.query(ids.front(), 0,
                        [&](const message& m) {
                          ++answers;
                          check(m.cookie() == ids.front().cookie, "an answer about its socket");
                        }),
          "a query after it");
    check(answers == 1, "with one answer");
    std::size_t all_answers = 0;
    check(!socket.query_all(ids, 0,
                            [&](const query_answer& a) {
                              ++all_answers;
                              check(!a.error && a.answer.cookie() == ids[a.index].cookie,
                                    "its own answer");
                            }),
          "a batch after it");
    check(all_answers == ids.size(), "with all answers");
  }
}

void callbacks_cannot_re_enter(diag_socket& socket) {
  const socket_id id = message{dump(socket, established(), "a dump").begin()->second}.id();
  int called = 0;
  const auto re_enter = [&] {
    bool done = false;
    ++called;
    check(socket.dump(established(), [](const message&) {}) == errc::busy, "no dump in a callback");
    check(socket.start(established()) == errc::busy, "no start");
    check(socket.receive([](const message&) {}, done) == errc::busy, "no receive");
    check(socket.cancel() == errc::busy, "no cancel");
    check(socket.open() == errc::busy, "no open");
    check(socket.query(id, 0, [](const message&) {}) == errc::busy, "no query");
    check(socket.query_all({&id, 1}, 0, [](const query_answer&) {}) == errc::busy, "no queries");
  };
  check(!socket.dump(established(), [&](const message&) { re_enter(); }), "the dump goes on");
  check(called > 0, "a dump calls back");
  called = 0;
  check(!socket.query(id, 0, [&](const message&) { re_enter(); }), "the query goes on");
  check(!socket.query_all({&id, 1}, 0, [&](const query_answer&) { re_enter(); }), "the batch, too");
  check(called == 2, "queries call back");
  dump_request request = established();
  auto between = [&] { re_enter(); };
  called = 0;
  request.between = [](void* user) noexcept {
    (*static_cast<decltype(between)*>(user))();
    return iteration::go_on;
  };
  request.between_user = &between;
  check(!socket.dump(request, [](const message&) {}), "the dump goes on");
  check(called > 0, "there is something between");
  request.between = [](void*) noexcept { return iteration::stop; };
  check(socket.dump(request, [](const message&) {}) == errc::stopped, "it stops between datagrams");
  request.between = nullptr;
  check(!socket.dump(request, [](const message&) {}), "and can be used again");
}

// Like an event loop.
shown drive(diag_socket& socket, const dump_request& request, int& rounds) {
  shown result;
  check(!socket.start(request), "a dump is started");
  for (bool done = false; !done; ++rounds) {
    pollfd wait{socket.descriptor(), POLLIN, 0};
    if (::poll(&wait, 1, 10'000) != 1) {
      check(false, "the descriptor becomes readable");
      break;
    }
    const auto ec = socket.receive(
        [&](const message& m) { result[m.cookie()].assign(m.bytes.begin(), m.bytes.end()); }, done);
    check(!ec, "a datagram is received: " + ec.message());
  }
  return result;
}

void an_event_loop_drives_a_dump(diag_socket& socket) {
  const cookies all = keys(dump(socket, established(), "a whole dump"));
  int rounds = 0;
  check(keys(drive(socket, established(), rounds)) == all, "a driven dump shows the same");
  check(rounds >= 2, "in several rounds");
  check(socket.counter(dump_counter::completed) == 1, "it is complete");
  bool done = false;
  check(socket.receive([](const message&) {}, done) == errc::empty_request, "it has ended");
  // In the middle of one: cancelled, or stopped.
  check(!socket.start(established()), "a dump is started");
  check(!socket.receive([](const message&) {}, done) && !done, "it begins");
  check(!socket.cancel(), "it is cancelled");
  check(keys(dump(socket, established(), "a dump after it")) == all, "the next one is whole");
  check(!socket.start(established()), "a dump is started");
  check(socket.receive([](const message&) { return iteration::stop; }, done) == errc::stopped,
        "it is stopped");
  check(done, "and so has ended");
  check(keys(dump(socket, established(), "a dump after it")) == all, "the next one is whole");
  // Where nothing comes, nobody waits.
  lose_requests = true;
  check(!socket.start(established()), "a dump is started in vain");
  lose_requests = false;
  check(!socket.receive([](const message&) {}, done) && !done, "nothing is there");
  check(!socket.cancel(), "it is cancelled");
}

void the_kernels_silence_is_timed(diag_socket& socket) {
  using namespace std::chrono_literals;
  const socket_id id = message{dump(socket, established(), "a dump").begin()->second}.id();
  lose_requests = true;
  dump_request request = established();
  request.timeout(20ms);
  check(socket.dump(request, [](const message&) {}) == std::errc::timed_out, "a dump gives up");
  query_request query;
  query.timeout(20ms);
  check(socket.query(id, query, [](const message&) {}) == std::errc::timed_out, "a query, too");
  lose_requests = false;
  check(!socket.query(id, query, [](const message&) {}), "the next one does not");
}

owned_fd udp_socket(sockaddr_in& own) {
  owned_fd made(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  own = {};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof own;
  must(bind(made.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 &&
           getsockname(made.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0,
       "bind a UDP socket");
  return made;
}

void other_protocols_are_passed_on(diag_socket& socket) {
  dump_request request;
  request.states = all_states;
  request.protocol = transport::udp;
  const auto first = socket.dump(request, [](const message&) {});
  if (first == std::errc::no_such_file_or_directory) {
    std::printf("NOTE: no udp_diag in this kernel: UDP is not judged here\n");
  } else {
    check(!first, "UDP sockets are dumped: " + first.message());
    sockaddr_in here{};
    sockaddr_in there{};
    const owned_fd one = udp_socket(here);
    const owned_fd two = udp_socket(there);
    must(connect(one.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) == 0, "connect");
    const owned_fd six(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    must(bind(six.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0, "bind");
    const cookies v4 = {cookie_of(one.get()), cookie_of(two.get())};
    cookies both = v4;
    both.insert(cookie_of(six.get()));
    check(keys(dump(socket, request, "UDP")) == both, "both families, in two walks");
    int rounds = 0;
    check(keys(drive(socket, request, rounds)) == both, "also where a loop drives them");
    // Programs are sent with each walk.
    filter f;
    check(!f.include(filter_rule::remote_port(ntohs(there.sin_port))), "a rule is taken");
    bytes_view program;
    check(!f.program(program), "a program");
    request.bytecode = program;
    check(keys(dump(socket, request, "UDP by port")) == cookies{cookie_of(one.get())},
          "bytecode is for both");
    request.bytecode = {};
    request.families = dump_families::ipv4;
    check(keys(dump(socket, request, "UDP")) == v4, "IPv4");
    socket_id id;
    check(!socket_id_of(one.get(), id), "its ends");
    query_request query;
    query.protocol = transport::udp;
    std::uint64_t told = 0;
    const auto ec = socket.query(id, query, [&](const message& m) { told = m.cookie(); });
    check(!ec && told == id.cookie, "a query finds it: " + ec.message());
  }
  request = {};
  request.states = all_states;
  request.protocol = transport::mptcp;
  const owned_fd multipath(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  if (multipath.get() < 0 || bind(multipath.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) ||
      listen(multipath.get(), 1)) {
    std::printf("NOTE: no MPTCP in this kernel: it is not judged here\n");
    return;
  }
  const auto ec = socket.dump(request, [](const message&) {});
  if (ec == std::errc::no_such_file_or_directory) {
    std::printf("NOTE: no mptcp_diag in this kernel: MPTCP is not judged here\n");
    return;
  }
  check(keys(dump(socket, request, "MPTCP")) == cookies{cookie_of(multipath.get())},
        "MPTCP's sockets and no other's");
}

ino_t own_netns() {
  struct stat status {};
  must(stat("/proc/thread-self/ns/net", &status) == 0, "look at the network namespace");
  return status.st_ino;
}

// Sockets are asked for in a namespace that the caller is not in.
void another_namespace_is_asked(const std::vector<connection>& made) {
  const owned_fd first(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  must(first.get() >= 0 && unshare(CLONE_NEWNET) == 0, "make another network namespace");
  const ino_t second = own_netns();
  diag_socket here;
  diag_socket there;
  check(!here.open(), "open here");
  check(dump(here, established(), "a dump here").empty(), "there is no connection here");
  diag_socket_options options;
  options.netns = first.get();
  check(!there.open(options), "open there");
  check(own_netns() == second, "the thread is where it was");
  check(dump(there, established(), "a dump there").size() == 2 * made.size(), "but they are there");
  // It is opened again in the same one.
  check(there.dump(established(), [](const message&) { return iteration::stop; }) == errc::stopped,
        "a dump is stopped");
  check(dump(there, established(), "a dump there").size() == 2 * made.size(), "and still there");
  check(own_netns() == second, "the thread is where it was");
  const owned_fd nothing(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
  options.netns = nothing.get();
  check(there.open(options) == std::errc::invalid_argument, "no network namespace");
  check(own_netns() == second, "the thread is where it was");
  destroy_listener listener;
  listener_options of_listener;
  of_listener.netns = first.get();
  of_listener.receive_buffer = 1 << 20;
  check(!listener.open(of_listener), "listen there");
  check(listener.receive_buffer() >= (1U << 20), "with the queue that was asked for");
  must(setns(first.get(), CLONE_NEWNET) == 0, "go back");
  connection one = connect_as({});
  const std::uint64_t cookie = cookie_of(one.client.get());
  must(shutdown(one.client.get(), SHUT_RDWR) == 0, "shutdown");
  one.client = owned_fd();
  one.server = owned_fd();
  bool told = false;
  for (int tries = 0; tries < 100 && !told; ++tries) {
    pollfd wait{listener.descriptor(), POLLIN, 0};
    (void)::poll(&wait, 1, 100);
    check(!listener.receive([&](const message& m) { told = told || m.cookie() == cookie; }),
          "events are received");
  }
  check(told, "an end there is told of");
}

// Each event once, though the callback stops at each.
void a_listener_stops_and_goes_on() {
  destroy_listener listener;
  must(!listener.open(with_queue_of(1 << 20)), "listen to destroy events");
  cookies expected;
  {
    std::vector<connection> burst;
    for (int i = 0; i < 50; ++i) {
      burst.push_back(connect_as({}));
      expected.insert(cookie_of(burst.back().client.get()));
    }
  }
  std::multiset<std::uint64_t> told;
  bool re_entered = false;
  const auto one = [&](const message& m) {
    told.insert(m.cookie());
    re_entered =
        listener.receive([](const message&) {}) == errc::busy && listener.open() == errc::busy;
    return iteration::stop;
  };
  const auto complete = [&] {
    return std::includes(told.begin(), told.end(), expected.begin(), expected.end());
  };
  for (int empty = 0; empty < 200 && !complete();) {
    const auto ec = listener.receive(one);
    if (ec == errc::stopped) continue;
    check(!ec, "events are received");
    ++empty;
    pollfd wait{listener.descriptor(), POLLIN, 0};
    (void)::poll(&wait, 1, 50);
  }
  check(complete(), "each is told of");
  check(re_entered, "what calls back is not to be called");
  for (const std::uint64_t cookie : told) check(told.count(cookie) == 1, "and once only");
  check(listener.counter(dump_counter::dropped) == 0, "nothing is dropped");
  // What is left is counted where it is dropped.
  { const connection more[] = {connect_as({}), connect_as({}), connect_as({})}; }
  for (int tries = 0; tries < 100; ++tries) {
    pollfd wait{listener.descriptor(), POLLIN, 0};
    (void)::poll(&wait, 1, 50);
    if (listener.receive(one) == errc::stopped) break;
  }
  const auto before = listener.counter(dump_counter::messages);
  check(!listener.open(), "opens again");
  check(listener.counter(dump_counter::messages) == before, "what is dropped is not handed over");
}

}  // namespace

int main() {
  if (unshare(CLONE_NEWNET) != 0) {
    std::printf("SKIP: no network namespace may be made here (%s)\n", std::strerror(errno));
    return 77;
  }
  if (std::system("ip link set lo up") != 0) {
    std::printf("SKIP: no ip command to bring the namespace's loopback up\n");
    return 77;
  }
  diag_socket socket;
  if (const auto ec = socket.open()) {
    std::printf("cannot open inet_diag: %s\n", ec.message().c_str());
    return 1;
  }
  std::vector<connection> made;
  for (unsigned i = 0; i < 60; ++i) {
    traits t;
    t.v6 = i % 3 == 1;
    t.mapped = i % 3 == 2;
    t.last_byte = static_cast<std::uint8_t>(1 + i % 4);
    t.mark = i % 5;
    t.on_loopback = i % 4 == 0;
    made.push_back(connect_as(t));
  }
  std::vector<connection> bound;
  for (unsigned i = 0; i < 6; ++i) {
    traits t;
    t.v6 = i % 2 == 1;
    t.bound_port = true;
    bound.push_back(connect_as(t));
  }
  kernel_and_we_filter_alike(socket);
  automatic_ports_are_told_apart(socket, bound);
  bound.clear();
  bytecode_of_the_callers_is_passed_on(socket);
  callbacks_stop(socket);
  callbacks_cannot_re_enter(socket);
  an_event_loop_drives_a_dump(socket);
  the_kernels_silence_is_timed(socket);
  other_protocols_are_passed_on(socket);
  a_listener_stops_and_goes_on();
  another_namespace_is_asked(made);
  std::printf("%s\n", failures == 0 ? "passed" : "failed");
  return failures == 0 ? 0 : 1;
}
