// SPDX-License-Identifier: Apache-2.0
//
// Asking a collector: the request's path, and answers that are none.
#include "offline/live/query_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "offline/inputs/held_file.h"
#include "unit/catch.h"
#include "unit/durations.h"

using namespace tcpinfo::offline;

namespace {

std::string path_of(std::string_view text) {
  connection_name name;
  INFO(text);
  REQUIRE(parse_connection_name(text, name).empty());
  return query_path(name);
}

/// Answers one caller with `text`, and closes, or keeps the connection until it ends.
class answering {
 public:
  answering(std::string text, bool closes) {
    char folder[] = "/tmp/query-test-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    folder_ = folder;
    path_ = folder_ + "/socket";
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path_.data(), path_.size());
    listener_ = held_file(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener_.fd(), static_cast<const sockaddr*>(static_cast<const void*>(&name)),
                   sizeof name) == 0);
    REQUIRE(::listen(listener_.fd(), 1) == 0);
    thread_ = std::thread([this, text = std::move(text), closes] {
      held_file caller(::accept(listener_.fd(), nullptr, nullptr));
      char request[4096];
      (void)!::read(caller.fd(), request, sizeof request);
      (void)::send(caller.fd(), text.data(), text.size(), MSG_NOSIGNAL);
      // The end of the caller.
      if (!closes) (void)!::read(caller.fd(), request, sizeof request);
    });
  }
  ~answering() {
    thread_.join();
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }
  answering(const answering&) = delete;
  answering& operator=(const answering&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
  held_file listener_;
  std::thread thread_;
};

tcpinfo::offline::query_answer answer_of(std::string text, bool closes = true) {
  const answering there(std::move(text), closes);
  return ask_collector(there.path(), "/cookie/1", closes ? 20 * second : second / 10);
}

}  // namespace

TEST_CASE("a collector is asked by what a connection is named by") {
  CHECK(path_of("26") == "/cookie/0x1a");
  CHECK(path_of("0x1F") == "/cookie/0x1f");
  CHECK(path_of("host_1_000000000000001F") == "/uuid/host_1_000000000000001F");
  CHECK(path_of("a%b c_000000000000001F") == "/uuid/a%25b%20c_000000000000001F");
  CHECK(path_of("192.0.2.1:443-[2001:db8::1]:5") == "/ends/192.0.2.1:443-%5B2001:db8::1%5D:5");
  // It has no cookie at its end.
  CHECK(path_of("something").empty());
}

TEST_CASE("an answer is taken apart, and one that is cut or none is a fault") {
  const tcpinfo::offline::query_answer good =
      answer_of("HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 3\r\nA: b\r\n\r\n{}\n");
  CHECK(good.fault.empty());
  CHECK(good.status == 200);
  CHECK(good.body == "{}\n");
  const tcpinfo::offline::query_answer none =
      answer_of("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  CHECK(none.fault.empty());
  CHECK(none.status == 404);
  CHECK(none.body == "none");
  for (const char* text :
       {"", "nonsense", "HTTP/1.1 200 OK\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 20"}) {
    INFO(text);
    CHECK_FALSE(answer_of(text).fault.empty());
  }
}

TEST_CASE("a collector that does not answer in time, or is not there, is a fault") {
  CHECK_FALSE(answer_of("HTTP/1.1 200 OK\r\n", false).fault.empty());
  CHECK_FALSE(ask_collector("/nowhere/at/all", "/cookie/1").fault.empty());
  CHECK_FALSE(ask_collector(std::string(200, 'x'), "/cookie/1").fault.empty());
}
