// SPDX-License-Identifier: Apache-2.0
//
// Lines of the event socket both ways, and a client on descriptors of every temper.
#include <tcpinfo/eventsocket.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo;

static_assert(std::is_trivially_copyable_v<flow_event>);
static_assert(sizeof(event_client) == sizeof(void*));

namespace {

// The example of docs/format.md, as M-Lab's server wrote it.
constexpr std::string_view published_open =
    R"({"Event":0,"Timestamp":"2019-08-26T19:55:42.754686952Z","UUID":"host_1566848000_unsafe_)"
    R"(000000000135A2D2","ID":{"SPort":34018,"DPort":443,"SrcIP":"10.0.0.1","DstIP":"10.0.0.2",)"
    R"("Interface":0,"Cookie":20292210}})";
constexpr std::string_view published_close =
    R"({"Event":1,"Timestamp":"2019-08-26T15:55:43.5-04:00","UUID":"u","ID":null})";

std::string encode(const flow_event& e) {
  std::string text(max_flow_event_size(e), '#');
  std::size_t written = 0;
  REQUIRE_FALSE(encode_flow_event({text.data(), text.size()}, written, e));
  text.resize(written);
  return text;
}

ip_address address(std::string_view text) {
  ip_address a;
  REQUIRE_FALSE(parse_ip_address(text, a));
  return a;
}

struct two_ends {
  int server = -1;
  event_client client;

  explicit two_ends(event_client_options options = {}) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    server = ends[0];
    REQUIRE_FALSE(client.adopt(ends[1], options));
  }
  ~two_ends() { finish(); }
  two_ends(const two_ends&) = delete;
  two_ends& operator=(const two_ends&) = delete;

  // Any thread: assertions are the main thread's.
  void send(std::string_view text) const {
    if (::write(server, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      std::abort();
  }
  void finish() {
    if (server >= 0) ::close(server);
    server = -1;
  }
};

event_client_options nonblocking() {
  event_client_options options;
  options.nonblocking = 1;
  return options;
}

// The one event of a line, after which the stream ends.
std::error_code read_one(std::string_view line, flow_event& e, two_ends& ends) {
  ends.send(line);
  ends.send("\n");
  bool more = false;
  const auto ec = ends.client.next(e, more);
  CHECK(more);
  return ec;
}

std::error_code fault_of(std::string_view line) {
  two_ends ends;
  flow_event e;
  const auto ec = read_one(line, e, ends);
  CHECK(ends.client.line() == line);
  return ec;
}

}  // namespace

TEST_CASE("an event is written as the peer writes it") {
  flow_event e;
  REQUIRE_FALSE(parse_timestamp("2019-08-26T19:55:42.754686952Z", e.time));
  e.uuid = "host_1566848000_unsafe_000000000135A2D2";
  e.has_id = 1;
  e.id = {address("10.0.0.1"), address("10.0.0.2"), 34018, 443, 0, 20292210};
  CHECK(encode(e) == std::string(published_open) + "\n");
  e.kind = flow_event_kind::closed;
  e.has_id = 0;
  e.uuid = "a<b>&\"\\";
  CHECK(encode(e) ==
        "{\"Event\":1,\"Timestamp\":\"2019-08-26T19:55:42.754686952Z\",\"UUID\":"
        "\"a\\u003cb\\u003e\\u0026\\\"\\\\\",\"ID\":null}\n");
}

TEST_CASE("addresses and numbers at their limits are written") {
  flow_event e;
  e.time = timestamp::from_unix_nanoseconds(1);
  e.uuid = "u";
  e.has_id = 1;
  e.kind = static_cast<flow_event_kind>(std::numeric_limits<std::int64_t>::min());
  const std::string long_address = "1111:2222:3333:4444:5555:6666:7777:8888";
  e.id = {address(long_address), address("::ffff:192.0.2.1"), 65535, 65535, UINT32_MAX,
          std::uint64_t{1} << 63};
  CHECK(encode(e) ==
        "{\"Event\":-9223372036854775808,\"Timestamp\":\"1970-01-01T00:00:00.000000001Z\","
        "\"UUID\":\"u\",\"ID\":{\"SPort\":65535,\"DPort\":65535,\"SrcIP\":\"" +
            long_address +
            "\",\"DstIP\":\"192.0.2.1\",\"Interface\":4294967295,"
            "\"Cookie\":-9223372036854775808}}\n");
  std::string uuid(max_uuid_size, '\x01');
  e.uuid = uuid;
  e.time.utc_offset_seconds = -4 * 3600;
  (void)encode(e);
  std::array<char, 32> small;
  std::size_t written = 1;
  CHECK(encode_flow_event(small, written, e) == errc::buffer_too_small);
  CHECK(written == 0);
  e.time.nanoseconds = 1'000'000'000;
  CHECK(encode_flow_event(small, written, e) == errc::bad_timestamp);
}

TEST_CASE("what the peer writes is read") {
  two_ends ends;
  flow_event e;
  REQUIRE_FALSE(read_one(published_open, e, ends));
  CHECK(e.kind == flow_event_kind::opened);
  CHECK(to_string(e.time) == "2019-08-26T19:55:42.754686952Z");
  CHECK(e.uuid == "host_1566848000_unsafe_000000000135A2D2");
  CHECK(e.has_id == 1);
  CHECK(e.id.sport == 34018);
  CHECK(e.id.dport == 443);
  CHECK(to_string(e.id.src) == "10.0.0.1");
  CHECK(to_string(e.id.dst) == "10.0.0.2");
  CHECK(e.id.interface == 0);
  CHECK(e.id.cookie == 20292210);
  CHECK(e.unknown_keys == 0);
  CHECK(ends.client.line() == published_open);

  REQUIRE_FALSE(read_one(published_close, e, ends));
  CHECK(e.kind == flow_event_kind::closed);
  CHECK(to_string(e.time) == "2019-08-26T15:55:43.5-04:00");
  CHECK(e.uuid == "u");
  CHECK(e.has_id == 0);

  ends.finish();
  bool more = true;
  REQUIRE_FALSE(ends.client.next(e, more));
  CHECK_FALSE(more);
  REQUIRE_FALSE(ends.client.next(e, more));
  CHECK_FALSE(more);
}

TEST_CASE("what is written is read back") {
  flow_event made;
  made.time = timestamp::from_unix_nanoseconds(1'600'000'000'123'000'000);
  made.uuid = "pre<fix>_\xc3\xa9_00000000FFFFFFFF";
  made.has_id = 1;
  made.id = {address("fd00::1"), address("fe80::2"), 1, 65535, 3, ~std::uint64_t{0}};
  std::string line = encode(made);
  line.pop_back();
  two_ends ends;
  flow_event e;
  REQUIRE_FALSE(read_one(line, e, ends));
  CHECK(e.time == made.time);
  CHECK(e.uuid == made.uuid);
  CHECK(e.id.src == made.id.src);
  CHECK(e.id.dst == made.id.dst);
  CHECK(e.id.sport == 1);
  CHECK(e.id.dport == 65535);
  CHECK(e.id.interface == 3);
  CHECK(e.id.cookie == ~std::uint64_t{0});
}

TEST_CASE("whose a connection is stands behind its id, as far as it is told") {
  flow_event made;
  made.time = timestamp::from_unix_nanoseconds(1'600'000'000'000'000'000);
  made.uuid = "u";
  made.kind = flow_event_kind::closed;
  made.owner = "cgroup-id";
  made.cgroup = "/a.slice";
  const std::string begin =
      R"({"Event":1,"Timestamp":"2020-09-13T12:26:40Z","UUID":"u","ID":null,"Cgroup":"/a.slice",)"
      R"("Owner":"cgroup-id")";
  CHECK(encode(made) == begin + "}\n");
  // Names may hold anything, and programs lie deep: the size that is said suffices.
  const std::string deep(4095, '\x01');
  made.pid = "7";
  made.comm = "a\"<\xff";
  made.executable = deep;
  std::string line = encode(made);
  CHECK(line.starts_with(begin + R"(,"Pid":"7","Comm":"a\"\u003c\ufffd","Executable":")"));
  line.pop_back();
  two_ends ends;
  flow_event e;
  REQUIRE_FALSE(read_one(line, e, ends));
  CHECK(e.cgroup == made.cgroup);
  CHECK(e.owner == made.owner);
  CHECK(e.pid == made.pid);
  CHECK(e.comm == "a\"<\xef\xbf\xbd");
  CHECK(e.executable == deep);
  CHECK(e.unknown_keys == 0);
  // Nothing of it is left in the next event.
  REQUIRE_FALSE(read_one(published_open, e, ends));
  CHECK(e.owner.empty());
  CHECK(e.executable.empty());

  CHECK(fault_of(R"({"Event":1,"Owner":"io","Owner":"io"})") == errc::bad_json);
  CHECK(fault_of(R"({"Event":1,"Pid":7})") == errc::bad_json);
}

TEST_CASE("an event of who was compiled before owners were told is written without") {
  flow_event old;
  old.size = offsetof(flow_event, cgroup);
  old.uuid = "u";
  old.cgroup = std::string_view(reinterpret_cast<const char*>(1), ~std::size_t{0});  // not its own
  old.time = timestamp::from_unix_nanoseconds(0);
  CHECK(max_flow_event_size(old) < 1000);
  CHECK(encode(old).ends_with(R"("ID":null})"
                              "\n"));
}

TEST_CASE("what a newer server tells is handed over") {
  two_ends ends;
  flow_event e;
  const std::string_view line =
      R"( {"Why":{"a":[1,2]},"ID":{"Cookie":18446744073709551615,"Netns":"x"},"Event":7} )";
  REQUIRE_FALSE(read_one(line, e, ends));
  CHECK(static_cast<std::int64_t>(e.kind) == 7);
  CHECK(e.unknown_keys == 2);
  CHECK(e.uuid.empty());
  CHECK(e.time.is_zero());
  CHECK(e.has_id == 1);
  CHECK(e.id.cookie == ~std::uint64_t{0});
  CHECK(ends.client.line() == line);
}

TEST_CASE("bad lines are told one by one, and reading goes on") {
  for (const std::string_view line :
       {"x", "[]", "1", "{}", R"({"Event":"0"})", R"({"Event":1.5})", R"({"Event":1,"Event":1})",
        R"({"Event":1}})", R"({"Event":1,})", R"({"Event":1,"UUID":1})", R"({"Event":1,"ID":1})",
        R"({"Event":1,"ID":{"SPort":65536}})", R"({"Event":1,"ID":{"SPort":-1}})",
        R"({"Event":1,"ID":{"SrcIP":"x"}})", R"({"Event":1,"ID":{"Interface":4294967296}})",
        R"({"Event":1,"ID":{"Cookie":1,"Cookie":1}})", R"({"Event":99999999999999999999})",
        R"({"Event":1,"Timestamp":0})", "{\"Event\":1,\"UUID\":\"\xff\"}"}) {
    INFO(line);
    CHECK(fault_of(line) == errc::bad_json);
  }
  // Also before the first line: a socket is no file.
  CHECK(fault_of("\xef\xbb\xbf{\"Event\":1}") == errc::bad_json);
  CHECK(fault_of(R"({"Event":1,"Timestamp":"yesterday"})") == errc::bad_timestamp);

  two_ends ends;
  ends.send("\n \r\nbad\n" + std::string(published_open) + "\r\n");
  flow_event e;
  bool more = false;
  CHECK(ends.client.next(e, more) == errc::bad_json);
  CHECK(more);
  CHECK(ends.client.line() == "bad");
  REQUIRE_FALSE(ends.client.next(e, more));
  CHECK(e.id.sport == 34018);
}

TEST_CASE("a line that is too long is skipped whole, in constant memory") {
  for (const std::size_t limit : {std::size_t{100}, std::size_t{40'000}}) {
    event_client_options options;
    options.max_line = limit;
    two_ends ends(options);
    std::thread server([&] {
      const std::string much(limit + 1, ' ');
      ends.send(much + "\n");
      for (int i = 0; i < 300; ++i) ends.send(much);
      ends.send("\n" + std::string(published_close) + "\n");
      ends.finish();
    });
    flow_event e;
    bool more = false;
    std::error_code first;
    // The first consists of blanks only, so it may as well be taken for a blank line.
    do first = ends.client.next(e, more);
    while (first == errc::line_too_long);
    CHECK_FALSE(first);
    CHECK(e.kind == flow_event_kind::closed);
    REQUIRE_FALSE(ends.client.next(e, more));
    CHECK_FALSE(more);
    server.join();
  }
}

TEST_CASE("a stream that ends inside a line says so, unless the line is whole") {
  flow_event e;
  bool more = false;
  {
    two_ends ends;
    ends.send(published_close);
    ends.finish();
    REQUIRE_FALSE(ends.client.next(e, more));
    CHECK(more);
    CHECK(e.kind == flow_event_kind::closed);
    REQUIRE_FALSE(ends.client.next(e, more));
    CHECK_FALSE(more);
  }
  two_ends ends;
  ends.send(published_close.substr(0, 30));
  ends.finish();
  CHECK(ends.client.next(e, more) == errc::unterminated_line);
  CHECK(more);
  REQUIRE_FALSE(ends.client.next(e, more));
  CHECK_FALSE(more);
}

TEST_CASE("without waiting, the client says that nothing has come") {
  two_ends ends(nonblocking());
  const std::error_code nothing(EAGAIN, std::system_category());
  flow_event e;
  bool more = false;
  CHECK(ends.client.next(e, more) == nothing);
  CHECK(more);
  // A line in pieces, of which each may be the last for a while.
  const std::string line = std::string(published_open) + "\n";
  for (const char c : line.substr(0, line.size() - 1)) {
    ends.send({&c, 1});
    CHECK(ends.client.next(e, more) == nothing);
  }
  ends.send("\n");
  pollfd watched{ends.client.descriptor(), POLLIN, 0};
  CHECK(::poll(&watched, 1, 1000) == 1);
  REQUIRE_FALSE(ends.client.next(e, more));
  CHECK(e.id.cookie == 20292210);
  CHECK(ends.client.next(e, more) == nothing);
}

TEST_CASE("many events in a stream that stops anywhere come whole and in order") {
  two_ends ends;
  constexpr int count = 20'000;
  std::thread server([&] {
    std::string text;
    for (int i = 0; i < count; ++i) {
      flow_event e;
      e.time = timestamp::from_unix_nanoseconds(i);
      const std::string uuid(static_cast<std::size_t>(i % 97), 'u');
      e.uuid = uuid;
      e.has_id = 1;
      e.id.cookie = static_cast<std::uint64_t>(i);
      e.id.src = e.id.dst = address("192.0.2.1");
      std::string line(max_flow_event_size(e), 0);
      std::size_t written = 0;
      if (encode_flow_event({line.data(), line.size()}, written, e)) std::abort();
      text.append(line, 0, written);
    }
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n =
          ::write(ends.server, text.data() + at, std::min<std::size_t>(4093, text.size() - at));
      if (n < 0) std::abort();
      at += static_cast<std::size_t>(n);
    }
    ends.finish();
  });
  flow_event e;
  bool more = false;
  int seen = 0;
  bool good = true;
  for (;;) {
    const auto ec = ends.client.next(e, more);
    if (ec || !more) break;
    good = good && e.id.cookie == static_cast<std::uint64_t>(seen) &&
           e.uuid == std::string(static_cast<std::size_t>(seen % 97), 'u');
    ++seen;
  }
  server.join();
  CHECK(good);
  CHECK(seen == count);
}

TEST_CASE("connecting says what is wrong") {
  event_client client;
  flow_event e;
  bool more = true;
  CHECK(client.next(e, more) == errc::not_open);
  CHECK_FALSE(more);
  CHECK(client.descriptor() == -1);
  CHECK(client.line().empty());
  CHECK(client.connect("") == errc::invalid_argument);
  CHECK(client.connect(std::string_view("a\0b", 3)) == errc::invalid_argument);
  CHECK(client.connect("/nonexistent/socket") == std::errc::no_such_file_or_directory);
  CHECK(client.connect(std::string(108, 'x')) == std::errc::filename_too_long);
  CHECK(client.adopt(-1) == errc::invalid_argument);
  CHECK(client.next(e, more) == errc::not_open);

  std::string folder = "/tmp/tcpinfo-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/s";
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  CHECK(client.connect(path) == std::errc::connection_refused);
  REQUIRE(::listen(listener, 4) == 0);
  REQUIRE_FALSE(client.connect(path, nonblocking()));
  CHECK(client.descriptor() >= 0);
  CHECK(client.next(e, more) == std::error_code(EAGAIN, std::system_category()));

  event_client moved = std::move(client);
  CHECK(moved.descriptor() >= 0);
  moved.close();
  CHECK(moved.descriptor() == -1);
  CHECK(moved.next(e, more) == errc::not_open);
  ::close(listener);
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
}

TEST_CASE("events are read in a loop, which ends when nothing has come") {
  two_ends ends(nonblocking());
  auto items = ends.client.items();
  const auto read = [&] {
    std::string seen;
    for (const auto& item : items)
      seen += item ? std::string(item->uuid) + ' ' : item.error().message() + ' ';
    return seen;
  };
  CHECK(read().empty());
  CHECK(items.status() == read_status::not_yet);
  ends.send(std::string(published_close) + "\nnonsense\n" + std::string(published_close) + "\n");
  CHECK(read() == "u not a JSON record u ");
  CHECK(items.status() == read_status::not_yet);
  ends.send(std::string(published_close));
  ends.finish();
  CHECK(read() == "u ");
  CHECK(items.status() == read_status::end);
  CHECK(read().empty());
  // A client that is not connected: one fault.
  event_client closed;
  unsigned faults = 0;
  for (const auto& item : closed.items()) faults += item.error() == errc::not_open ? 1 : 100;
  CHECK(faults == 1);
}
