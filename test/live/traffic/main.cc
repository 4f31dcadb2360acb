// SPDX-License-Identifier: Apache-2.0
//
// Makes TCP connections of which everything is known, for the live tests and for demonstrations.
//
// A socket belongs to the network namespace its thread was in when it made the socket, so this one
// process opens both ends: listeners in the receiver's namespace, connecting sockets in the
// sender's. It therefore knows both cookies, every byte and how each connection was closed, and
// writes that down as one JSON object per connection (the "truth" the tests compare with).
//
//   traffic short  connections of fixed short lifetimes; one thread owns both ends of a connection,
//                  so no context switch stretches the shortest ones.
//   traffic hold   many connections held open together, some of them sending all the time; one
//                  thread per side, each with its own table of file descriptors, so that 10,000
//                  connections need 10,000 descriptors a side and not 20,000 in one table.
//   traffic churn  a number of connections open at all times, of which every second some end and as
//                  many begin, the oldest first; one thread.
//
// Every run ends by itself. SIGTERM and SIGINT end it early, in good order, truth file included.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal handler");

[[noreturn]] [[gnu::format(printf, 1, 2)]] void die(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::fputs("traffic: ", stderr);
  std::vfprintf(stderr, format, args);
  std::fputc('\n', stderr);
  va_end(args);
  std::fflush(nullptr);
  // Other threads may be running: no destructors, no atexit.
  _exit(1);
}

[[noreturn]] void die_errno(const char* what) { die("%s: %s", what, std::strerror(errno)); }

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * kSecond + now.tv_nsec;
}

int64_t wall_ns() { return clock_ns(CLOCK_REALTIME); }
int64_t steady_ns() { return clock_ns(CLOCK_MONOTONIC); }

void sleep_until(int64_t due) {
  // Waking up costs about as much as the shortest lifetimes last: the last stretch is spun.
  constexpr int64_t kSpin = 150'000;
  // No signal wakes this thread: it looks now and then whether one has come.
  constexpr int64_t kLook = 50 * kMillisecond;
  for (;;) {
    const int64_t left = due - steady_ns();
    if (left <= 0) return;
    if (left > kSpin) {
      const int64_t until = due - std::max(kSpin, left - kLook);
      timespec at{static_cast<time_t>(until / kSecond), static_cast<long>(until % kSecond)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
      if (stop_requested) return;
    }
  }
}

void sleep_ms(int64_t ms) {
  timespec time{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000 * kMillisecond)};
  nanosleep(&time, nullptr);
}

// --- sockets -------------------------------------------------------------------------------------

// How the two ends of a connection look. `mapped` is an IPv6 socket talking IPv4 at both ends.
enum class family : uint8_t { v4, v6, mapped };
constexpr std::array kFamilyNames = {"v4", "v6", "mapped"};

struct endpoint {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_storage);

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&address); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&address); }

  uint16_t port() const {
    if (address.ss_family == AF_INET)
      return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }

  std::string host() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes =
        address.ss_family == AF_INET
            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&address)->sin_addr)
            : &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
    if (inet_ntop(address.ss_family, bytes, text.data(), text.size()) == nullptr)
      die_errno("inet_ntop");
    return text.data();
  }
};

endpoint make_endpoint(family kind, const std::string& host, uint16_t port) {
  endpoint result;
  if (kind == family::v4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&result.address);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &in->sin_addr) != 1)
      die("not an IPv4 address: %s", host.c_str());
    result.length = sizeof(sockaddr_in);
    return result;
  }
  const std::string text = kind == family::mapped ? "::ffff:" + host : host;
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&result.address);
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(port);
  if (inet_pton(AF_INET6, text.c_str(), &in6->sin6_addr) != 1)
    die("not an IPv6 address: %s", text.c_str());
  result.length = sizeof(sockaddr_in6);
  return result;
}

void set_int(int fd, int level, int option, int value, const char* what) {
  if (setsockopt(fd, level, option, &value, sizeof value) != 0) die_errno(what);
}

int new_socket(family kind) {
  const int fd = socket(kind == family::v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die_errno("socket");
  return fd;
}

// Nothing here should ever wait for long; a wait of many seconds is a failure to be told.
void set_patience(int fd) {
  const timeval patience{20, 0};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
    die_errno("SO_RCVTIMEO");
}

uint64_t cookie_of(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) die_errno("SO_COOKIE");
  return cookie;
}

endpoint local_of(int fd) {
  endpoint result;
  if (getsockname(fd, result.raw(), &result.length) != 0) die_errno("getsockname");
  return result;
}

endpoint peer_of(int fd) {
  endpoint result;
  if (getpeername(fd, result.raw(), &result.length) != 0) die_errno("getpeername");
  return result;
}

struct listener {
  int fd = -1;
  family kind = family::v4;
  endpoint target;  // what a sender connects to
};

listener listen_on(family kind, const std::string& host) {
  listener result;
  result.kind = kind;
  result.fd = new_socket(kind);
  if (kind == family::v6) set_int(result.fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  if (kind == family::mapped) set_int(result.fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY");
  set_patience(result.fd);
  const endpoint any = make_endpoint(kind, host, 0);
  if (bind(result.fd, any.raw(), any.length) != 0) die_errno("bind");
  if (listen(result.fd, 4096) != 0) die_errno("listen");
  result.target = make_endpoint(kind, host, local_of(result.fd).port());
  return result;
}

void send_all(int fd, uint64_t bytes) {
  static const std::array<char, 16384> data{};
  while (bytes > 0) {
    const ssize_t sent =
        send(fd, data.data(), std::min<uint64_t>(bytes, data.size()), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      die_errno("send");
    }
    bytes -= static_cast<uint64_t>(sent);
  }
}

void receive_all(int fd, uint64_t bytes) {
  std::array<char, 16384> data;
  while (bytes > 0) {
    const ssize_t got = recv(fd, data.data(), std::min<uint64_t>(bytes, data.size()), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) die_errno("recv");
    if (got == 0) die("unexpected end of stream, %" PRIu64 " bytes missing", bytes);
    bytes -= static_cast<uint64_t>(got);
  }
}

void expect_end(int fd, const char* who) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = recv(fd, &byte, 1, 0);
  } while (got < 0 && errno == EINTR);
  if (got != 0) die("%s: expected the end of the stream, got %zd (%s)", who, got, strerror(errno));
}

void expect_reset(int fd, const char* who) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = recv(fd, &byte, 1, 0);
  } while (got < 0 && errno == EINTR);
  if (got != -1 || errno != ECONNRESET)
    die("%s: expected a reset, got %zd (%s)", who, got, strerror(errno));
}

void reset(int fd) {
  const linger hard{1, 0};
  if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) != 0) die_errno("SO_LINGER");
  close(fd);
}

// --- namespaces ----------------------------------------------------------------------------------

// A namespace to make sockets in; the process's own when no path was given.
class netns {
 public:
  void open(const std::string& path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) die("%s: %s", path.c_str(), std::strerror(errno));
  }

  // For the calling thread only. Both namespaces are given or none is, so there is no way back to
  // arrange for.
  void enter() const {
    if (fd_ >= 0 && setns(fd_, CLONE_NEWNET) != 0) die_errno("setns");
  }

 private:
  int fd_ = -1;
};

// --- truth ---------------------------------------------------------------------------------------

// How a connection was ended, by whom. Named by who acts first.
enum class closing : uint8_t {
  sender_fin,      // the sender closes, the receiver reads the end and closes
  receiver_fin,    // the receiver shuts down its direction, and closes after the sender did
  sender_rst,      // the sender resets after the receiver has read everything
  receiver_close,  // the receiver closes at once: its end is an orphan when the sender's FIN comes
  receiver_rst,    // the receiver resets after it has read everything
};
constexpr std::array kClosings = {closing::sender_fin, closing::receiver_fin, closing::sender_rst,
                                  closing::receiver_close, closing::receiver_rst};
constexpr std::array kClosingNames = {"sender_fin", "receiver_fin", "sender_rst", "receiver_close",
                                      "receiver_rst"};
static_assert(kClosings.size() == kClosingNames.size());

struct truth {
  std::string group;
  family kind = family::v4;
  closing how = closing::sender_fin;
  bool active = false;
  uint64_t receiver_cookie = 0;
  uint64_t sender_cookie = 0;
  endpoint local;   // of the receiver's end
  endpoint remote;  // the sender, as the receiver sees it
  uint64_t bytes = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
};

// The values bytes_received may have in the receiver's last tcp_info. A FIN takes one place in the
// sequence space. An orphan in FIN_WAIT2 is reduced to a mini socket as soon as its own FIN is
// acknowledged; whether the sender's FIN came with that acknowledgement or after it is a matter of
// timing, so that case has two right answers. (A socket reset by its own side has its counters
// cleared before it is destroyed: what stands here for receiver_rst is what they were until then.)
std::string expected_received(const truth& one) {
  const std::string data = std::to_string(one.bytes);
  const std::string data_and_fin = std::to_string(one.bytes + 1);
  switch (one.how) {
    case closing::sender_fin:
    case closing::receiver_fin:
      return "[" + data_and_fin + "]";
    case closing::receiver_close:
      return "[" + data + "," + data_and_fin + "]";
    case closing::sender_rst:
    case closing::receiver_rst:
      break;
  }
  return "[" + data + "]";
}

// The truth file is renamed into place: that must not replace a device such as /dev/null.
void refuse_special_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    die("%s is not a regular file", path.c_str());
}

void write_truth(const std::string& path, const std::vector<truth>& all) {
  refuse_special_file(path);
  // Written beside and renamed: whoever sees the file sees all of it.
  const std::string part = path + ".tmp";
  std::FILE* out = std::fopen(part.c_str(), "we");
  if (out == nullptr) die("%s: %s", part.c_str(), std::strerror(errno));
  for (const truth& one : all) {
    std::fprintf(out,
                 "{\"class\":\"%s\",\"family\":\"%s\",\"close\":\"%s\",\"active\":%s,"
                 "\"receiver_cookie\":\"%016" PRIX64 "\",\"sender_cookie\":\"%016" PRIX64
                 "\",\"local\":\"%s\",\"local_port\":%u,\"remote\":\"%s\",\"remote_port\":%u,"
                 "\"bytes\":%" PRIu64 ",\"expect_received\":%s,\"start_ns\":%" PRId64
                 ",\"end_ns\":%" PRId64 "}\n",
                 one.group.c_str(), kFamilyNames[static_cast<size_t>(one.kind)],
                 kClosingNames[static_cast<size_t>(one.how)], one.active ? "true" : "false",
                 one.receiver_cookie, one.sender_cookie, one.local.host().c_str(), one.local.port(),
                 one.remote.host().c_str(), one.remote.port(), one.bytes,
                 expected_received(one).c_str(), one.start_ns, one.end_ns);
  }
  if (std::fflush(out) != 0 || std::ferror(out) != 0 || std::fclose(out) != 0) die_errno("truth");
  if (std::rename(part.c_str(), path.c_str()) != 0) die_errno("rename");
}

[[gnu::format(printf, 1, 2)]] void say(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::vprintf(format, args);
  va_end(args);
  std::fflush(stdout);
}

// Signals go to the main thread, which only waits: a connect() or accept() with a time limit would
// be broken off by one. Threads inherit the mask of their maker.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    pthread_sigmask(SIG_BLOCK, &both, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_{};
};

// --- options -------------------------------------------------------------------------------------

struct lifetime_class {
  std::string name;
  int64_t lifetime_ns = 0;
  uint64_t count = 0;
  unsigned threads = 1;
  unsigned slots = 1;  // connections open at a time in each thread
};

struct options {
  netns receiver;
  netns sender;
  bool has_receiver = false;
  bool has_sender = false;
  std::string v4;
  std::string v6;
  std::string truth_file;
  std::vector<lifetime_class> classes;
  int64_t max_seconds = 60;
  uint64_t connections = 100;
  uint64_t active = 10;
  int64_t gap_ms = 10;
  uint64_t burst = 200;
  int64_t seconds = 5;
  int64_t close_ms = 1000;
  uint64_t rate = 100;
  std::vector<closing> closings{std::begin(kClosings), std::end(kClosings)};

  std::vector<family> families() const {
    std::vector<family> result;
    if (!v4.empty()) result.push_back(family::v4);
    if (!v6.empty()) result.push_back(family::v6);
    if (!v4.empty() && !v6.empty()) result.push_back(family::mapped);
    return result;
  }

  const std::string& host(family kind) const { return kind == family::v6 ? v6 : v4; }
};

constexpr const char* kUsage =
    "usage: traffic short|hold|churn --truth FILE --v4 ADDRESS --v6 ADDRESS\n"
    "               [--receiver-ns PATH --sender-ns PATH] ...\n"
    "  ADDRESS is the receiver's; leave one out to use the other family only.\n"
    "short: --class NAME:LIFETIME_US:COUNT:THREADS:SLOTS   may be repeated; classes run together\n"
    "       --max-seconds 60    opens nothing more after this time\n"
    "hold:  --connections 100 --active 10   connections in all, of them sending\n"
    "       --gap-ms 10 --burst 200         each active one sends so many bytes so often\n"
    "       --seconds 5                     how long, counted from when all are open\n"
    "       --close-ms 1000                 closing is spread over this time\n"
    "churn: as hold, and\n"
    "       --rate 100                      so many end a second, and as many begin\n"
    "short, churn: --closings sender_fin,receiver_fin,sender_rst,receiver_close,receiver_rst\n"
    "prints `open` when all are open (hold, churn) and one line of statistics at the end\n";

int64_t parse_number(std::string_view text, const char* what, int64_t low, int64_t high) {
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const int64_t value = std::strtoll(copy.c_str(), &end, 10);
  if (copy.empty() || *end != '\0' || errno != 0 || value < low || value > high)
    die("%s: bad number '%s'", what, copy.c_str());
  return value;
}

lifetime_class parse_class(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  if (parts.size() != 5) die("--class: want NAME:LIFETIME_US:COUNT:THREADS:SLOTS");
  lifetime_class result;
  result.name = std::string(parts[0]);
  result.lifetime_ns = parse_number(parts[1], "--class", 0, 60'000'000) * 1000;
  result.count = static_cast<uint64_t>(parse_number(parts[2], "--class", 1, 1'000'000));
  result.threads = static_cast<unsigned>(parse_number(parts[3], "--class", 1, 64));
  result.slots = static_cast<unsigned>(parse_number(parts[4], "--class", 1, 1000));
  return result;
}

std::vector<closing> parse_closings(std::string_view text) {
  std::vector<closing> result;
  for (;;) {
    const size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    const auto found = std::find(kClosingNames.begin(), kClosingNames.end(), name);
    if (found == kClosingNames.end()) die("--closings: no '%s'", std::string(name).c_str());
    result.push_back(kClosings[static_cast<size_t>(found - kClosingNames.begin())]);
    if (comma == std::string_view::npos) return result;
    text.remove_prefix(comma + 1);
  }
}

options parse_options(int argc, char** argv) {
  options result;
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (i + 1 >= argc) die("%s: value missing", argv[i]);
    const std::string value = argv[++i];
    const char* what = argv[i - 1];
    if (name == "--receiver-ns") {
      result.receiver.open(value);
      result.has_receiver = true;
    } else if (name == "--sender-ns") {
      result.sender.open(value);
      result.has_sender = true;
    } else if (name == "--v4") {
      result.v4 = value;
    } else if (name == "--v6") {
      result.v6 = value;
    } else if (name == "--truth") {
      result.truth_file = value;
    } else if (name == "--class") {
      result.classes.push_back(parse_class(value));
    } else if (name == "--max-seconds") {
      result.max_seconds = parse_number(value, what, 1, 3600);
    } else if (name == "--connections") {
      result.connections = static_cast<uint64_t>(parse_number(value, what, 1, 100'000));
    } else if (name == "--active") {
      result.active = static_cast<uint64_t>(parse_number(value, what, 0, 100'000));
    } else if (name == "--gap-ms") {
      result.gap_ms = parse_number(value, what, 1, 60'000);
    } else if (name == "--burst") {
      result.burst = static_cast<uint64_t>(parse_number(value, what, 1, 65'536));
    } else if (name == "--seconds") {
      result.seconds = parse_number(value, what, 0, 3600);
    } else if (name == "--close-ms") {
      result.close_ms = parse_number(value, what, 0, 60'000);
    } else if (name == "--rate") {
      result.rate = static_cast<uint64_t>(parse_number(value, what, 1, 10'000));
    } else if (name == "--closings") {
      result.closings = parse_closings(value);
    } else {
      die("unknown option %s", what);
    }
  }
  if (result.truth_file.empty()) die("--truth is missing");
  if (result.families().empty()) die("--v4 or --v6 is missing");
  if (result.has_receiver != result.has_sender) die("give both namespaces or none");
  return result;
}

// --- both ends in one thread ---------------------------------------------------------------------

struct both_ends {
  int sender = -1;
  int receiver = -1;
  truth known;
};

// Nobody else may connect to this listener.
both_ends open_both(const listener& door) {
  both_ends result;
  result.known.kind = door.kind;
  result.sender = new_socket(door.kind);
  set_patience(result.sender);
  result.known.start_ns = wall_ns();
  if (connect(result.sender, door.target.raw(), door.target.length) != 0) die_errno("connect");
  result.receiver = accept4(door.fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (result.receiver < 0) die_errno("accept");
  result.known.receiver_cookie = cookie_of(result.receiver);
  result.known.sender_cookie = cookie_of(result.sender);
  result.known.local = local_of(result.receiver);
  result.known.remote = peer_of(result.receiver);
  if (result.known.remote.port() != local_of(result.sender).port())
    die("accepted another connection than the one just made");
  set_patience(result.receiver);
  return result;
}

// The receiver has read everything.
void close_both(both_ends& ends) {
  const int sender = ends.sender;
  const int receiver = ends.receiver;
  switch (ends.known.how) {
    case closing::sender_fin:
      close(sender);
      expect_end(receiver, "receiver");
      close(receiver);
      break;
    case closing::receiver_fin:
      shutdown(receiver, SHUT_WR);
      expect_end(sender, "sender");
      close(sender);
      expect_end(receiver, "receiver");
      close(receiver);
      break;
    case closing::receiver_close:
      close(receiver);
      expect_end(sender, "sender");
      close(sender);
      break;
    case closing::sender_rst:
      reset(sender);
      expect_reset(receiver, "receiver");
      close(receiver);
      break;
    case closing::receiver_rst:
      reset(receiver);
      expect_reset(sender, "sender");
      close(sender);
      break;
  }
  ends.known.end_ns = wall_ns();
}

void raise_descriptor_limit(uint64_t needed) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die_errno("getrlimit");
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed) {
    // Root may raise the hard limit; if this fails the next line tells what was missing.
    const rlimit higher{needed, needed};
    if (setrlimit(RLIMIT_NOFILE, &higher) != 0)
      die("%" PRIu64 " descriptors are needed, the limit is %" PRIu64, needed,
          static_cast<uint64_t>(limit.rlim_max));
    return;
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die_errno("setrlimit");
}

// --- short ---------------------------------------------------------------------------------------

// Varied by index, with empty ones among them; small enough that neither end ever has to wait for
// the other to read (one thread serves both ends).
uint64_t bytes_of(uint64_t index, int64_t lifetime_ns) {
  if (index % 40 == 7) return 0;
  const uint64_t limit = lifetime_ns < kMillisecond ? 6000 : 40'000;
  return 1 + (index * 7919) % limit;
}

class short_worker {
 public:
  short_worker(const options& opts, const lifetime_class& what, std::atomic<uint64_t>& next)
      : opts_(opts), what_(what), next_(next) {}

  void run(int64_t give_up_at) {
    opts_.receiver.enter();
    for (const family kind : opts_.families())
      listeners_.push_back(listen_on(kind, opts_.host(kind)));
    opts_.sender.enter();

    bool more = true;
    for (;;) {
      while (more && open_.size() < what_.slots) more = open_one(give_up_at);
      if (open_.empty()) break;
      connection current = open_.top();
      open_.pop();
      sleep_until(current.due);
      if (current.half_sent)
        finish(current);
      else
        send_rest(current);
    }
    for (const listener& one : listeners_) close(one.fd);
  }

  std::vector<truth> results;

 private:
  struct connection {
    int64_t due = 0;
    int64_t opened = 0;
    bool half_sent = false;
    both_ends ends;

    bool operator<(const connection& other) const { return due > other.due; }
  };

  bool open_one(int64_t give_up_at) {
    if (stop_requested || steady_ns() > give_up_at) return false;
    const uint64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= what_.count) return false;
    const listener& door = listeners_[index % listeners_.size()];

    connection current;
    current.opened = steady_ns();
    current.ends = open_both(door);
    truth& known = current.ends.known;
    known.group = what_.name;
    known.how = opts_.closings[index / listeners_.size() % opts_.closings.size()];
    known.bytes = bytes_of(index, what_.lifetime_ns);
    known.active = true;

    send_all(current.ends.sender, known.bytes / 2);
    current.due = current.opened + what_.lifetime_ns / 2;
    open_.push(std::move(current));
    return true;
  }

  void send_rest(connection& current) {
    const uint64_t bytes = current.ends.known.bytes;
    send_all(current.ends.sender, bytes - bytes / 2);
    current.half_sent = true;
    current.due = current.opened + what_.lifetime_ns;
    open_.push(std::move(current));
  }

  void finish(connection& current) {
    receive_all(current.ends.receiver, current.ends.known.bytes);
    close_both(current.ends);
    results.push_back(std::move(current.ends.known));
  }

  const options& opts_;
  const lifetime_class& what_;
  std::atomic<uint64_t>& next_;
  std::vector<listener> listeners_;
  std::priority_queue<connection> open_;
};

int run_short(const options& opts) {
  if (opts.classes.empty()) die("--class is missing");
  const int64_t begin = steady_ns();
  const int64_t give_up_at = begin + opts.max_seconds * kSecond;

  std::vector<std::atomic<uint64_t>> next(opts.classes.size());
  std::vector<std::unique_ptr<short_worker>> workers;
  for (size_t i = 0; i < opts.classes.size(); ++i)
    for (unsigned t = 0; t < opts.classes[i].threads; ++t)
      workers.push_back(std::make_unique<short_worker>(opts, opts.classes[i], next[i]));
  std::vector<std::thread> threads;
  {
    const signals_blocked quiet;
    for (const auto& worker : workers)
      threads.emplace_back([&worker, give_up_at] { worker->run(give_up_at); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(steady_ns() - begin) / 1e9;

  std::vector<truth> all;
  for (const auto& worker : workers)
    all.insert(all.end(), worker->results.begin(), worker->results.end());
  write_truth(opts.truth_file, all);

  for (const lifetime_class& one : opts.classes) {
    std::vector<int64_t> lifetimes;
    int64_t first = INT64_MAX;
    int64_t last = 0;
    for (const truth& known : all) {
      if (known.group != one.name) continue;
      lifetimes.push_back(known.end_ns - known.start_ns);
      first = std::min(first, known.start_ns);
      last = std::max(last, known.end_ns);
    }
    if (lifetimes.empty()) continue;
    std::sort(lifetimes.begin(), lifetimes.end());
    const auto us = [&](double share) {
      const auto at = static_cast<size_t>(share * static_cast<double>(lifetimes.size() - 1));
      return static_cast<double>(lifetimes[at]) / 1e3;
    };
    const double span = std::max(static_cast<double>(last - first) / 1e9, 1e-9);
    say("class %s: %zu connections in %.3f s (%.0f/s), lifetime us min %.0f p50 %.0f p90 %.0f "
        "p99 %.0f max %.0f\n",
        one.name.c_str(), lifetimes.size(), span, static_cast<double>(lifetimes.size()) / span,
        us(0), us(0.5), us(0.9), us(0.99), us(1));
  }
  say("done: %zu connections in %.3f s\n", all.size(), seconds);
  return 0;
}

// --- hold ----------------------------------------------------------------------------------------

// Which end closes first: both sides must come to the same answer without talking, and the sender's
// port is what both know. (Ports the kernel picks for connect() are mostly even, hence the shift.)
bool sender_closes_first(uint16_t sender_port) { return (sender_port >> 1 & 1) == 0; }

// Sleeps so that `done` of `all` steps take the like share of the time.
class pacer {
 public:
  pacer(int64_t total_ms, size_t all) : begin_(steady_ns()), total_(total_ms), all_(all) {}

  void step() {
    ++done_;
    if (done_ % 64 != 0 || all_ == 0) return;
    const int64_t due =
        begin_ + total_ * kMillisecond * static_cast<int64_t>(done_) / static_cast<int64_t>(all_);
    const int64_t left = due - steady_ns();
    if (left >= kMillisecond) sleep_ms(left / kMillisecond);
  }

 private:
  int64_t begin_;
  int64_t total_;
  size_t all_;
  size_t done_ = 0;
};

class hold_run {
 public:
  explicit hold_run(const options& opts) : opts_(opts) {}

  int run() {
    raise_descriptor_limit(opts_.connections + 100);
    std::array<std::thread, 2> sides;
    {
      const signals_blocked quiet;
      sides[0] = std::thread([this] { receive(); });
      sides[1] = std::thread([this] { send(); });
    }
    for (std::thread& side : sides) side.join();
    return conclude();
  }

 private:
  struct receiver_end {
    int fd = -1;
    size_t door = 0;
    uint64_t cookie = 0;
    endpoint local;
    endpoint remote;
    uint64_t received = 0;
    int64_t end_ns = 0;
  };

  struct sender_end {
    int fd = -1;
    size_t door = 0;
    uint64_t cookie = 0;
    uint16_t port = 0;
    bool active = false;
    uint64_t sent = 0;
    int64_t start_ns = 0;
    int64_t end_ns = 0;
  };

  // Each side has its own descriptor table: the limit counts per table.
  static void own_descriptors() {
    if (unshare(CLONE_FILES) != 0) die_errno("unshare(CLONE_FILES)");
  }

  // --- the receiving side

  void receive() {
    own_descriptors();
    opts_.receiver.enter();
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    if (poll < 0) die_errno("epoll_create1");
    // Several ports: no single pair of addresses and ports runs short of ephemeral ports.
    constexpr int kPortsPerFamily = 4;
    for (int i = 0; i < kPortsPerFamily; ++i)
      for (const family kind : opts_.families())
        doors_.push_back(listen_on(kind, opts_.host(kind)));
    for (size_t i = 0; i < doors_.size(); ++i) {
      const int fd = doors_[i].fd;
      if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) die_errno("fcntl");
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = kDoor | i;
      if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) die_errno("epoll_ctl");
    }
    received_.reserve(opts_.connections);
    listening_.store(true);
    listening_.notify_all();

    std::array<epoll_event, 512> events;
    std::vector<bool> ended(opts_.connections);
    size_t open = 0;
    bool closing_begun = false;
    for (;;) {
      const int count = epoll_wait(poll, events.data(), events.size(), 100);
      if (count < 0 && errno != EINTR) die_errno("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const uint64_t tag = events[static_cast<size_t>(i)].data.u64;
        if ((tag & kDoor) != 0) {
          open += accept_all(poll, tag & ~kDoor);
        } else if (drain(received_[tag])) {
          close(received_[tag].fd);
          received_[tag].end_ns = wall_ns();
          ended[tag] = true;
          --open;
        }
      }
      if (!closing_begun && closing_.load()) {
        closing_begun = true;
        pacer pace(opts_.close_ms, received_.size());
        for (receiver_end& end : received_) {
          if (!sender_closes_first(end.remote.port())) shutdown(end.fd, SHUT_WR);
          pace.step();
        }
      }
      if (closing_begun && open == 0 && received_.size() == opened_.load()) break;
      // Reading at leisure: the counters of interest are the kernel's and do not wait for it, and
      // the processor is needed for the program under test.
      if (!closing_begun && all_open_.load() && count < static_cast<int>(events.size()))
        sleep_ms(20);
    }
    for (const listener& door : doors_) close(door.fd);
    close(poll);
  }

  size_t accept_all(int poll, size_t door) {
    size_t count = 0;
    for (;;) {
      const int fd = accept4(doors_[door].fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        if (errno == EINTR) continue;
        die_errno("accept");
      }
      receiver_end end;
      end.fd = fd;
      end.door = door;
      end.cookie = cookie_of(fd);
      end.local = local_of(fd);
      end.remote = peer_of(fd);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = received_.size();
      received_.push_back(end);
      if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) die_errno("epoll_ctl");
      ++count;
    }
    accepted_.fetch_add(count);
    return count;
  }

  // True at the end of the stream.
  static bool drain(receiver_end& end) {
    std::array<char, 65536> data;
    for (;;) {
      const ssize_t got = recv(end.fd, data.data(), data.size(), 0);
      if (got == 0) return true;
      if (got < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
        die_errno("recv");
      }
      end.received += static_cast<uint64_t>(got);
      if (static_cast<size_t>(got) < data.size()) return false;
    }
  }

  // --- the sending side

  void send() {
    own_descriptors();
    opts_.sender.enter();
    listening_.wait(false);
    open_connections();
    send_bursts();
    close_connections();
  }

  void open_connections() {
    const int64_t begin = steady_ns();
    sent_.reserve(opts_.connections);
    const uint64_t active = std::min(opts_.active, opts_.connections);
    for (uint64_t i = 0; i < opts_.connections && !stop_requested; ++i) {
      sender_end end;
      end.door = i % doors_.size();
      const listener& door = doors_[end.door];
      end.fd = new_socket(door.kind);
      set_patience(end.fd);
      set_int(end.fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
      end.start_ns = wall_ns();
      if (connect(end.fd, door.target.raw(), door.target.length) != 0) die_errno("connect");
      end.cookie = cookie_of(end.fd);
      end.port = local_of(end.fd).port();
      // The active ones are spread evenly over all.
      end.active = (i + 1) * active / opts_.connections != i * active / opts_.connections;
      end.sent = 1 + i % 100;
      send_all(end.fd, end.sent);
      sent_.push_back(end);
      opened_.store(sent_.size());
      // The queue of a listener is finite; an overflowing one would cost a retransmitted SYN.
      while (sent_.size() - accepted_.load() > 1000) sleep_ms(1);
    }
    while (accepted_.load() < sent_.size()) sleep_ms(1);
    all_open_.store(true);
    say("open: %zu connections in %.3f s\n", sent_.size(),
        static_cast<double>(steady_ns() - begin) / 1e9);
  }

  void send_bursts() {
    std::vector<sender_end*> active;
    for (sender_end& end : sent_)
      if (end.active) active.push_back(&end);
    const int64_t begin = steady_ns();
    const int64_t until = begin + opts_.seconds * kSecond;
    // One round over all active ones takes gap_ms; each tick serves its share of them.
    const int64_t tick = kMillisecond;
    const auto ticks_per_round = static_cast<uint64_t>(opts_.gap_ms);
    uint64_t late = 0;
    for (uint64_t n = 0;; ++n) {
      const int64_t due = begin + static_cast<int64_t>(n) * tick;
      const int64_t now = steady_ns();
      if (now >= until || stop_requested) break;
      if (due > now) {
        const timespec at{static_cast<time_t>(due / kSecond), static_cast<long>(due % kSecond)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
      } else if (now - due > 100 * tick) {
        // Too far behind to catch up: skip, and tell at the end.
        const auto skipped = static_cast<uint64_t>((now - due) / tick);
        late += skipped;
        n += skipped;
      }
      const uint64_t slot = n % ticks_per_round;
      for (size_t i = slot * active.size() / ticks_per_round;
           i < (slot + 1) * active.size() / ticks_per_round; ++i) {
        // Sizes vary so that no two connections have the same totals.
        const uint64_t bytes = 1 + (opts_.burst + i + n) % (2 * opts_.burst);
        send_all(active[i]->fd, bytes);
        active[i]->sent += bytes;
        ++bursts_;
      }
    }
    held_seconds_ = static_cast<double>(steady_ns() - begin) / 1e9;
    late_ticks_ = late;
  }

  void close_connections() {
    closing_.store(true);
    pacer pace(opts_.close_ms, sent_.size());
    for (sender_end& end : sent_) {
      if (sender_closes_first(end.port)) shutdown(end.fd, SHUT_WR);
      pace.step();
    }
    for (sender_end& end : sent_) {
      expect_end(end.fd, "sender");
      close(end.fd);
      end.end_ns = wall_ns();
    }
  }

  // --- both, when the threads are done

  int conclude() {
    std::map<std::pair<size_t, uint16_t>, const receiver_end*> by_port;
    for (const receiver_end& end : received_) by_port[{end.door, end.remote.port()}] = &end;
    std::vector<truth> all;
    uint64_t bytes = 0;
    for (const sender_end& from : sent_) {
      const auto found = by_port.find({from.door, from.port});
      if (found == by_port.end()) die("a connection from port %u was never accepted", from.port);
      const receiver_end& to = *found->second;
      if (to.received != from.sent)
        die("port %u: %" PRIu64 " bytes sent, %" PRIu64 " read", from.port, from.sent, to.received);
      truth known;
      known.group = "hold";
      known.kind = doors_[from.door].kind;
      known.how = sender_closes_first(from.port) ? closing::sender_fin : closing::receiver_fin;
      known.active = from.active;
      known.receiver_cookie = to.cookie;
      known.sender_cookie = from.cookie;
      known.local = to.local;
      known.remote = to.remote;
      known.bytes = from.sent;
      known.start_ns = from.start_ns;
      known.end_ns = std::max(from.end_ns, to.end_ns);
      bytes += from.sent;
      all.push_back(std::move(known));
    }
    write_truth(opts_.truth_file, all);
    say("done: %zu connections held %.3f s, %" PRIu64 " bursts, %" PRIu64 " bytes, %" PRIu64
        " ms skipped\n",
        all.size(), held_seconds_, bursts_, bytes, late_ticks_);
    return 0;
  }

  // Marks an epoll tag as the index of a listener.
  static constexpr uint64_t kDoor = uint64_t{1} << 63;

  const options& opts_;
  std::atomic<bool> listening_{false};
  std::atomic<bool> all_open_{false};
  std::atomic<bool> closing_{false};
  std::atomic<size_t> opened_{0};
  std::atomic<size_t> accepted_{0};
  std::vector<listener> doors_;         // written before listening_, then only read
  std::vector<receiver_end> received_;  // the receiver's, until it is joined
  std::vector<sender_end> sent_;        // the sender's, until it is joined
  uint64_t bursts_ = 0;
  uint64_t late_ticks_ = 0;
  double held_seconds_ = 0;
};

// --- churn ---------------------------------------------------------------------------------------

class churn_run {
 public:
  explicit churn_run(const options& opts) : opts_(opts) {}

  int run() {
    raise_descriptor_limit(2 * opts_.connections + 100);
    opts_.receiver.enter();
    constexpr int kPortsPerFamily = 4;
    for (int i = 0; i < kPortsPerFamily; ++i)
      for (const family kind : opts_.families())
        doors_.push_back(listen_on(kind, opts_.host(kind)));
    opts_.sender.enter();
    std::thread worker;
    {
      const signals_blocked quiet;
      worker = std::thread([this] { work(); });
    }
    worker.join();
    write_truth(opts_.truth_file, done_);
    uint64_t bytes = 0;
    for (const truth& one : done_) bytes += one.bytes;
    say("done: %zu connections, %" PRIu64 " bytes, %.1f begun a second\n", done_.size(), bytes,
        begun_a_second_);
    return 0;
  }

 private:
  void work() {
    // So fast that the connections are not of one age, and the churn itself begins soon.
    constexpr uint64_t kOpeningHaste = 5;
    const int64_t begin = steady_ns();
    while (open_.size() < opts_.connections && !stop_requested) {
      open_one();
      sleep_until(begin +
                  static_cast<int64_t>(open_.size() * kSecond / opts_.rate / kOpeningHaste));
    }
    say("open: %zu connections in %.3f s\n", open_.size(),
        static_cast<double>(steady_ns() - begin) / 1e9);
    churn();
    pacer pace(opts_.close_ms, open_.size());
    while (!open_.empty()) {
      close_oldest();
      pace.step();
    }
    for (const listener& door : doors_) close(door.fd);
  }

  void churn() {
    const int64_t begin = steady_ns();
    const int64_t until = begin + opts_.seconds * kSecond;
    uint64_t replaced = 0;
    uint64_t sent = 0;
    int64_t now = begin;
    for (; now < until && !stop_requested; now = steady_ns()) {
      // By the clock, so that what was late is made up for.
      const auto elapsed = static_cast<uint64_t>(now - begin);
      for (; replaced < elapsed * opts_.rate / kSecond; ++replaced) {
        close_oldest();
        open_one();
      }
      const uint64_t due =
          elapsed / kMillisecond * opts_.active / static_cast<uint64_t>(opts_.gap_ms);
      for (; sent < due; ++sent) {
        // The active ones are the youngest.
        send_some(open_[open_.size() - 1 - sent % std::min<uint64_t>(opts_.active, open_.size())],
                  1 + (opts_.burst + sent) % (2 * opts_.burst));
      }
      sleep_ms(1);
    }
    begun_a_second_ = static_cast<double>(replaced) * 1e9 / static_cast<double>(now - begin);
  }

  void open_one() {
    const uint64_t index = opened_++;
    both_ends ends = open_both(doors_[index % doors_.size()]);
    ends.known.group = "churn";
    ends.known.how = opts_.closings[index / doors_.size() % opts_.closings.size()];
    open_.push_back(std::move(ends));
    send_some(open_.back(), 1 + index % 1000);
  }

  // Small enough that the sender never has to wait for the receiver.
  static void send_some(both_ends& ends, uint64_t bytes) {
    send_all(ends.sender, bytes);
    receive_all(ends.receiver, bytes);
    ends.known.bytes += bytes;
  }

  void close_oldest() {
    close_both(open_.front());
    done_.push_back(std::move(open_.front().known));
    open_.pop_front();
  }

  const options& opts_;
  std::vector<listener> doors_;
  std::deque<both_ends> open_;
  std::vector<truth> done_;
  uint64_t opened_ = 0;
  double begun_a_second_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (mode != "short" && mode != "hold" && mode != "churn") {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const options opts = parse_options(argc, argv);

  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = true; };
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  if (mode == "short") return run_short(opts);
  return mode == "hold" ? hold_run(opts).run() : churn_run(opts).run();
}
