// SPDX-License-Identifier: Apache-2.0
//
// The inetdiag module against the running kernel, in a network namespace of its own: dumps in each
// walk, point queries, exclusions by the kernel against the same ones here, destroy events, and
// libnl-idiag as an oracle for what it knows.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/cache.h>
#include <netlink/idiag/idiagnl.h>
#include <netlink/idiag/msg.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/internal/answer_area.h>
#include <tcpinfo/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "collect/sampling/events/bpf_feed.h"
#include "collect/sampling/kept_answers.h"

using namespace tcpinfo;

namespace {

listener_options with_queue_of(std::size_t bytes) {
  listener_options options;
  options.receive_buffer = bytes;
  return options;
}

int single_requests = 0;

// Whether the answers of the kernel to a batch come as acknowledgements, errors of 0.
bool acknowledge = false;

}  // namespace

// The library's too: what is not asked for in a batch is sent so.
extern "C" [[gnu::visibility("default")]] ssize_t sendmsg(int fd, const msghdr* message,
                                                          int flags) {
  ++single_requests;
  return syscall(SYS_sendmsg, fd, message, flags);
}

// The library's too: what it reads of a batch.
extern "C" [[gnu::visibility("default")]] int recvmmsg(int fd, mmsghdr* messages, unsigned count,
                                                       int flags, timespec* timeout) {
  const auto got = static_cast<int>(syscall(SYS_recvmmsg, fd, messages, count, flags, timeout));
  for (int i = 0; acknowledge && i < got; ++i) {
    auto* const header = static_cast<nlmsghdr*>(messages[i].msg_hdr.msg_iov->iov_base);
    if (header->nlmsg_type == NLMSG_ERROR) static_cast<nlmsgerr*>(NLMSG_DATA(header))->error = 0;
  }
  return got;
}

namespace {

int failures = 0;

void check(bool good, const char* what) {
  if (good) return;
  ++failures;
  std::printf("FAILED: %s\n", what);
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
  ~owned_fd() { reset(); }
  owned_fd(owned_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  owned_fd& operator=(owned_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  must(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0, "read SO_COOKIE");
  return cookie;
}

struct connection {
  owned_fd client;
  owned_fd server;
};

// Two ends over loopback: AF_INET, AF_INET6, or AF_INET6 to an IPv4-mapped address.
connection connect_over(int family, bool mapped) {
  owned_fd listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(listener.get() >= 0, "make a socket");
  sockaddr_in6 six{};
  sockaddr_in four{};
  sockaddr* address =
      family == AF_INET6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
  socklen_t size = family == AF_INET6 ? sizeof six : sizeof four;
  six.sin6_family = AF_INET6;
  four.sin_family = AF_INET;
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  six.sin6_addr = in6addr_loopback;
  if (mapped) {
    six.sin6_addr = {};
    six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
    six.sin6_addr.s6_addr[12] = 127;
    six.sin6_addr.s6_addr[15] = 1;
  }
  must(bind(listener.get(), address, size) == 0, "bind");
  must(listen(listener.get(), 8) == 0, "listen");
  must(getsockname(listener.get(), address, &size) == 0, "getsockname");
  connection made;
  made.client = owned_fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(connect(made.client.get(), address, size) == 0, "connect");
  made.server = owned_fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  must(made.server.get() >= 0, "accept");
  return made;
}

constexpr std::uint32_t established = state_bit(tcp_state::established);

using shown = std::map<std::uint64_t, std::vector<std::byte>>;

shown dump(diag_socket& socket, dump_families families, const filter* exclude = nullptr,
           std::uint32_t states = established) {
  shown result;
  dump_request request;
  request.families = families;
  request.states = states;
  request.extensions = all_extensions;
  request.filter = exclude;
  const auto ec = socket.dump(request, [&](const message& m) {
    check(m.attributes().well_formed(), "attributes of a live message are well formed");
    result[m.cookie()].assign(m.bytes.begin(), m.bytes.end());
  });
  if (ec) std::printf("dump: %s\n", ec.message().c_str());
  check(!ec, "a dump succeeds");
  check(socket.counter(dump_counter::completed) == 1, "a dump is complete");
  check(socket.counter(dump_counter::messages) == static_cast<std::int64_t>(result.size()),
        "a dump counts its messages");
  return result;
}

std::set<std::uint64_t> keys(const shown& s) {
  std::set<std::uint64_t> k;
  for (const auto& [cookie, bytes] : s) k.insert(cookie);
  return k;
}

void dumps_show_every_connection(diag_socket& socket, const std::vector<connection>& made) {
  std::set<std::uint64_t> expected;
  for (const connection& c : made) {
    expected.insert(cookie_of(c.client.get()));
    expected.insert(cookie_of(c.server.get()));
  }
  const auto both = keys(dump(socket, dump_families::both));
  check(both == expected, "one walk shows both families");
  auto split = keys(dump(socket, dump_families::ipv4));
  check(split.size() == 20, "the IPv4 walk shows the IPv4 sockets");
  split.merge(keys(dump(socket, dump_families::ipv6)));
  check(split == expected, "two walks show the same as one");
  check(dump(socket, dump_families::both, nullptr, state_bit(tcp_state::listen)).empty(),
        "states select");
}

ip_prefix prefix(const char* text) {
  ip_prefix p;
  check(!parse_ip_prefix(text, p), text);
  return p;
}

void kernel_and_we_exclude_alike(diag_socket& socket) {
  const shown all = dump(socket, dump_families::both);
  std::vector<std::uint16_t> ports;
  for (const auto& [cookie, bytes] : all) ports.push_back(message{bytes}.sport());
  const auto compare = [&](filter& f, const char* what) {
    std::set<std::uint64_t> expected;
    for (const auto& [cookie, bytes] : all)
      if (!f.excludes({bytes})) expected.insert(cookie);
    for (const dump_families families :
         {dump_families::both, dump_families::ipv4, dump_families::ipv6}) {
      for (const auto& [cookie, bytes] : dump(socket, families, &f))
        check(expected.contains(cookie), what);
    }
    check(keys(dump(socket, dump_families::both, &f)) == expected, what);
  };
  filter by_port;
  for (std::size_t i = 0; i < ports.size(); i += 3)
    check(!by_port.exclude(filter_rule::local_port(ports[i])), "exclude a port");
  check(!by_port.exclude(filter_rule::local_port(1)) &&
            !by_port.exclude(filter_rule::local_port(65535)),
        "exclude a port");
  compare(by_port, "ports are excluded as here");
  for (const char* text : {"127.0.0.0/8", "127.0.0.1", "128.0.0.0/1", "::1", "::/0", "0.0.0.0/0",
                           "::ffff:127.0.0.0/104", "::ffff:0:0/96", "fe80::/10"}) {
    filter dst;
    check(!dst.exclude(filter_rule::remote_prefix(prefix(text))), text);
    compare(dst, text);
    filter src;
    check(!src.exclude(filter_rule::local_prefix(prefix(text))), text);
    check(!src.exclude(filter_rule::local_port(ports.front())), "exclude a port");
    compare(src, text);
  }
  // As many rules as one attribute holds.
  filter many;
  for (unsigned port = 1; port <= 3000; ++port)
    check(!many.exclude(filter_rule::local_port(static_cast<std::uint16_t>(port))),
          "exclude a port");
  compare(many, "three thousand rules");
}

void a_query_finds_one_socket(diag_socket& socket, const std::vector<connection>& made) {
  const shown all = dump(socket, dump_families::both);
  for (const connection& c : made) {
    const std::uint64_t cookie = cookie_of(c.client.get());
    const message known{all.at(cookie)};
    int answers = 0;
    check(!socket.query(known.id(), all_extensions,
                        [&](const message& m) {
                          ++answers;
                          check(m.cookie() == cookie, "a query answers about its socket");
                          check(m.find(attribute_type::info).has_value(), "a query has INFO");
                        }),
          "a query succeeds");
    check(answers == 1, "a query has one answer");
    socket_id wrong = known.id();
    ++wrong.cookie;
    check(single_requests > 0, "requests are counted");
    const auto ec = socket.query(wrong, 0, [&](const message&) { ++answers; });
    check(ec.value() == ESTALE || ec.value() == ENOENT, "a query checks the cookie");
    wrong = known.id();
    wrong.dport = 1;
    check(socket.query(wrong, 0, [&](const message&) { ++answers; }).value() == ENOENT,
          "a query for nothing says ENOENT");
    check(answers == 1, "a query in vain has no answer");
  }
}

// More than go into one batch, with some that do not exist among them.
void many_queries_find_the_same(diag_socket& socket) {
  const shown all = dump(socket, dump_families::both);
  std::vector<socket_id> ids;
  while (ids.size() < 300)
    for (const auto& [cookie, bytes] : all) {
      ids.push_back(message{bytes}.id());
      if (ids.size() % 7 == 0) ids.back().cookie += 1'000'000;
    }
  std::vector<int> answers(ids.size());
  single_requests = 0;
  check(!socket.query_all(ids, all_extensions,
                          [&](const query_answer& a) noexcept {
                            ++answers.at(a.index);
                            if ((a.index + 1) % 7 == 0)
                              check(a.error && a.answer.bytes.empty(), "no such socket");
                            else
                              check(!a.error && a.answer.cookie() == ids[a.index].cookie,
                                    "an answer about its socket");
                          }),
        "many queries");
  check(std::count(answers.begin(), answers.end(), 1) == static_cast<std::ptrdiff_t>(ids.size()),
        "each has one answer");
  check(single_requests == 0, "the answers of a batch find room in the socket's queue");
  check(!socket.query_all({}, 0, [](const query_answer&) noexcept {}), "no queries");
}

// The same where a filter keeps the answers.
void answers_are_kept(diag_socket& bare) {
  std::string why;
  const auto kept = collect::make_kept_answers(why);
  if (kept == nullptr) {
    std::printf("NOTE: whether answers are kept is not judged here: %s\n", why.c_str());
    return;
  }
  answer_area area = kept->area();
  diag_socket socket;
  check(keep_answers(socket, area) == errc::not_open, "not before it is open");
  must(!socket.open(), "open a second socket");
  check(keep_answers(socket, {}) == errc::invalid_argument, "no area");
  check(!keep_answers(socket, area), "an area");
  check(*area.used == area.capacity, "nothing is kept unasked");
  many_queries_find_the_same(socket);
  check(*area.used == area.capacity, "nor afterwards");
  std::vector<socket_id> ids;
  const shown all = dump(bare, dump_families::both);
  for (const auto& [cookie, bytes] : all) ids.push_back(message{bytes}.id());
  const auto in_the_area = [&](diag_socket& whom) {
    std::size_t there = 0;
    check(!whom.query_all(ids, all_extensions,
                          [&](const query_answer& a) noexcept {
                            const auto* const at = a.answer.bytes.data();
                            if (at >= area.bytes && at < area.bytes + area.capacity) ++there;
                            check(a.answer.bytes.size() == all.at(ids[a.index].cookie).size(),
                                  "a whole answer");
                          }),
          "queries");
    return there;
  };
  check(in_the_area(bare) == 0, "a bare socket receives");
  check(in_the_area(socket) == ids.size(), "all answers are in the area");
  // Its other uses do not notice.
  check(dump(socket, dump_families::both).size() == all.size(), "dumps as before");
  check(!socket.query(ids.front(), all_extensions, [](const message&) noexcept {}),
        "single queries as before");
  // The filter comes along.
  check(!socket.open(), "opens again");
  check(in_the_area(socket) == ids.size(), "and keeps on");
  // What finds no room comes by way of the queue, in the same batch.
  const auto little = collect::make_kept_answers(why, 2'000);
  must(little != nullptr, "load it with less room");
  area = little->area();
  check(!keep_answers(socket, area), "another area");
  many_queries_find_the_same(socket);
  const std::size_t kept_there = in_the_area(socket);
  check(kept_there > 0 && kept_there < ids.size(), "some are kept");
  area.used = nullptr;
  check(keep_answers(socket, area) == errc::invalid_argument, "half an area");
  many_queries_find_the_same(socket);
}

void an_acknowledgement_is_no_message(diag_socket& socket) {
  socket_id nobody;
  nobody.src.family = nobody.dst.family = address_family::ipv4;
  nobody.sport = nobody.dport = 1;
  nobody.cookie = 1;
  const std::vector<socket_id> ids(3, nobody);
  for (const bool zero : {false, true}) {
    acknowledge = zero;
    std::vector<std::error_code> errors;
    std::size_t bytes = 0;
    check(!socket.query_all(ids, all_extensions,
                            [&](const query_answer& a) noexcept {
                              errors.push_back(a.error);
                              bytes += a.answer.bytes.size();
                            }),
          "a batch of queries");
    acknowledge = false;
    const std::error_code expected = zero ? std::error_code(errc::unexpected_reply)
                                          : std::error_code(ENOENT, std::system_category());
    check(errors == std::vector<std::error_code>(3, expected),
          zero ? "an acknowledgement is an unexpected reply" : "there is no such socket");
    check(bytes == 0, "and no message");
  }
}

class activity_count final : public collect::activity_sink {
 public:
  void on_activity(const collect::activity& a) noexcept override {
    ++all;
    if (a.id.sport != 0 && a.id.dport != 0) ++with_ports;
  }
  int all = 0;
  int with_ports = 0;
};

// Sockets that have TCP's number and are not TCP are never active.
void only_tcp_is_active() {
  std::string why;
  const auto maker = collect::make_bpf_feed_maker(why);
  if (maker == nullptr) {
    std::printf("skipped: activity: %s\n", why.c_str());
    return;
  }
  const auto feed = maker->make(why);
  must(feed != nullptr, "make an activity feed");
  feed->mute(false);
  activity_count before;
  (void)feed->begin_tick();
  feed->take(before);
  // TCP's number without TCP: a raw socket that is connected has TCP's state ESTABLISHED.
  const owned_fd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(connect(raw.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0,
       "connect a raw socket");
  const char segment[20] = {};
  for (int i = 0; i < 20; ++i) {
    (void)feed->begin_tick();
    must(::send(raw.get(), segment, sizeof segment, 0) == sizeof segment, "send by a raw socket");
  }
  activity_count others;
  feed->take(others);
  check(others.all == 0, "sockets that are not TCP are not active");
  const connection tcp = connect_over(AF_INET, false);
  activity_count told;
  feed->take(told);
  check(told.with_ports > 0, "a TCP socket is active");
}

// Of the NETLINK_SOCK_DIAG sockets of this namespace.
std::set<std::uint32_t> diag_ports() {
  std::set<std::uint32_t> ports;
  std::ifstream table("/proc/self/net/netlink");
  std::string line;
  std::getline(table, line);  // names
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string address;
    int protocol = 0;
    std::uint32_t port = 0;
    words >> address >> protocol >> port;
    if (protocol == NETLINK_SOCK_DIAG && port != 0) ports.insert(port);
  }
  return ports;
}

// Root could send to a netlink socket; this one is connected to the kernel.
void strangers_are_refused() {
  std::set<std::uint32_t> before = diag_ports();
  diag_socket socket;
  must(!socket.open(), "open a second socket");
  std::uint32_t ours = 0;
  for (const std::uint32_t port : diag_ports())
    if (!before.contains(port)) ours = port;
  must(ours != 0, "find a socket's port in /proc/net/netlink");
  const owned_fd stranger(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const auto sends_to = [&](std::uint32_t port) {
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    to.nl_pid = port;
    const nlmsghdr nothing{sizeof nothing, NLMSG_NOOP, 0, 0, 0};
    return sendto(stranger.get(), &nothing, sizeof nothing, 0, reinterpret_cast<sockaddr*>(&to),
                  sizeof to) > 0;
  };
  const owned_fd other(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  sockaddr_nl its{};
  its.nl_family = AF_NETLINK;
  socklen_t size = sizeof its;
  must(bind(other.get(), reinterpret_cast<sockaddr*>(&its), sizeof its) == 0 &&
           getsockname(other.get(), reinterpret_cast<sockaddr*>(&its), &size) == 0,
       "bind a netlink socket");
  check(sends_to(its.nl_pid), "a stranger's message reaches any other socket");
  check(!sends_to(ours) && errno == ECONNREFUSED, "a stranger's message is refused");
}

// libnl-idiag knows the first 104 bytes of tcp_info and no cookie: compared by ports. It sends the
// old request, so its one cache holds both families whatever is asked.
void libnl_agrees(diag_socket& socket) {
  nl_sock* oracle = nl_socket_alloc();
  must(oracle != nullptr && nl_connect(oracle, NETLINK_SOCK_DIAG) == 0, "open libnl's socket");
  std::map<std::pair<unsigned, unsigned>, const std::vector<std::byte>*> ours;
  const shown all = dump(socket, dump_families::both);
  for (const auto& [cookie, bytes] : all)
    ours[{message{bytes}.sport(), message{bytes}.dport()}] = &bytes;
  nl_cache* cache = nullptr;
  const int states = static_cast<int>(established);
  check(idiagnl_msg_alloc_cache(oracle, AF_INET, states, &cache) == 0, "libnl dumps");
  if (cache == nullptr) return;
  int compared = 0;
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* theirs = reinterpret_cast<idiagnl_msg*>(object);
    const auto found =
        ours.find({ntohs(idiagnl_msg_get_sport(theirs)), ntohs(idiagnl_msg_get_dport(theirs))});
    if (found == ours.end()) {
      check(false, "libnl shows a socket that we do not");
      continue;
    }
    const message m{*found->second};
    check(static_cast<std::uint8_t>(idiagnl_msg_get_state(theirs)) == m.state(), "state as libnl");
    check(m.uid() == idiagnl_msg_get_uid(theirs), "uid as libnl");
    check(m.inode() == idiagnl_msg_get_inode(theirs), "inode as libnl");
    check(m.rqueue() == idiagnl_msg_get_rqueue(theirs), "rqueue as libnl");
    // glibc's struct, whose 104 bytes libnl copies; values that age are left out.
    const tcp_info info = idiagnl_msg_get_tcpinfo(theirs);
    const auto payload = m.find(attribute_type::info);
    const auto same = [&](tcp_field field, std::uint64_t value, const char* what) {
      check(payload && tcp_value(*payload, info_layout::unknown, field) == value, what);
    };
    same(tcp_field::state, info.tcpi_state, "tcp_info.state as libnl");
    same(tcp_field::options, info.tcpi_options, "options as libnl");
    same(tcp_field::rto, info.tcpi_rto, "rto as libnl");
    same(tcp_field::snd_mss, info.tcpi_snd_mss, "snd_mss as libnl");
    same(tcp_field::pmtu, info.tcpi_pmtu, "pmtu as libnl");
    same(tcp_field::rtt, info.tcpi_rtt, "rtt as libnl");
    same(tcp_field::snd_cwnd, info.tcpi_snd_cwnd, "snd_cwnd as libnl");
    same(tcp_field::rcv_space, info.tcpi_rcv_space, "rcv_space as libnl");
    same(tcp_field::total_retrans, info.tcpi_total_retrans, "total_retrans as libnl");
    ++compared;
  }
  check(compared > 0, "libnl shows sockets");
  nl_cache_free(cache);
  nl_socket_free(oracle);
}

// Events come a moment after the socket is gone.
shown events_for(destroy_listener& listener, std::size_t wanted) {
  shown result;
  for (int tries = 0; tries < 200 && result.size() < wanted; ++tries) {
    usleep(10'000);
    check(!listener.receive(
              [&](const message& m) { result[m.cookie()].assign(m.bytes.begin(), m.bytes.end()); }),
          "events are received");
  }
  return result;
}

void destroyed_sockets_are_told(std::vector<connection>& made) {
  destroy_listener listener;
  must(!listener.open(with_queue_of(1 << 20)), "listen to destroy events");
  check(listener.receive_buffer() >= (1U << 20), "root gets the queue it asks for");
  std::map<std::uint64_t, std::size_t> sent;
  for (std::size_t i = 0; i < made.size(); ++i) {
    const std::string data(1000 + i, 'x');
    must(write(made[i].client.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size()),
         "write");
    std::string sink(data.size(), '\0');
    must(recv(made[i].server.get(), sink.data(), sink.size(), MSG_WAITALL) ==
             static_cast<ssize_t>(sink.size()),
         "read");
    sent[cookie_of(made[i].server.get())] = data.size();
    // Its FIN is there before the server's end is closed: what comes after that may find no more
    // than a mini socket, which counts nothing.
    must(shutdown(made[i].client.get(), SHUT_WR) == 0, "shutdown");
    must(recv(made[i].server.get(), sink.data(), sink.size(), 0) == 0, "the end of the data");
  }
  const std::size_t ends = 2 * made.size();
  made.clear();
  const shown events = events_for(listener, ends);
  check(events.size() == ends, "each end of each connection is told of");
  for (const auto& [cookie, size] : sent) {
    const auto found = events.find(cookie);
    if (found == events.end()) continue;
    const message m{found->second};
    check(m.state() == static_cast<std::uint8_t>(tcp_state::close), "the final state is CLOSE");
    const auto info = m.find(attribute_type::info);
    const auto received =
        info ? tcp_value(*info, info_layout::unknown, tcp_field::bytes_received) : std::nullopt;
    // The client's FIN counts for one.
    check(received == size + 1, "final counters are complete");
  }
  check(listener.counter(dump_counter::overflows) == 0, "nothing was dropped");
}

// A queue too small for a burst: the loss is counted, and the listener works on.
void an_overflow_is_counted() {
  destroy_listener listener;
  must(!listener.open(with_queue_of(1)), "listen to destroy events");
  {
    std::vector<connection> burst;
    for (int i = 0; i < 200; ++i) burst.push_back(connect_over(AF_INET, false));
  }
  usleep(300'000);
  const shown some = events_for(listener, 400);
  check(some.size() < 400, "a tiny queue loses events");
  check(listener.counter(dump_counter::overflows) >= 1, "the loss is counted");
  { const connection one = connect_over(AF_INET6, false); }
  check(!events_for(listener, 1).empty(), "the listener works on");
}

bool up_loopback() { return std::system("ip link set lo up") == 0; }

}  // namespace

int main() {
  if (unshare(CLONE_NEWNET) != 0) {
    std::printf("SKIP: no network namespace may be made here (%s)\n", std::strerror(errno));
    return 77;
  }
  if (!up_loopback()) {
    std::printf("SKIP: no ip command to bring the namespace's loopback up\n");
    return 77;
  }
  diag_socket socket;
  if (const auto ec = socket.open()) {
    std::printf("cannot open inet_diag: %s\n", ec.message().c_str());
    return 1;
  }
  std::vector<connection> made;
  for (int i = 0; i < 10; ++i) {
    made.push_back(connect_over(AF_INET, false));
    made.push_back(connect_over(AF_INET6, false));
    made.push_back(connect_over(AF_INET6, true));
  }
  dumps_show_every_connection(socket, made);
  kernel_and_we_exclude_alike(socket);
  a_query_finds_one_socket(socket, made);
  many_queries_find_the_same(socket);
  an_acknowledgement_is_no_message(socket);
  answers_are_kept(socket);
  only_tcp_is_active();
  strangers_are_refused();
  libnl_agrees(socket);
  destroyed_sockets_are_told(made);
  an_overflow_is_counted();
  std::printf("%s\n", failures == 0 ? "passed" : "failed");
  return failures == 0 ? 0 : 1;
}
