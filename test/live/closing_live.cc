// SPDX-License-Identifier: Apache-2.0
//
// Sockets that are met while they close: the kernel fills its answer without their lock, and what
// it takes from them must not make another connection of them. In a network namespace of its own,
// one thread makes connections and ends them, another asks for each again and again until it is
// gone.
//
// usage: closing_live [CONNECTIONS]
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <tcpinfo/cache.h>
#include <tcpinfo/inetdiag.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

using namespace tcpinfo;

namespace {

[[noreturn]] void die(const char* what) {
  std::printf("cannot %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) die("read SO_COOKIE");
  return cookie;
}

ip_address loopback() {
  ip_address any;
  if (parse_ip_address("127.0.0.1", any)) std::abort();
  return any;
}

// Handed from the one that makes connections to the one that asks.
class hand_over {
 public:
  void put(const socket_id& id) {
    const std::lock_guard lock(mutex_);
    made_.push_back(id);
  }
  void take(std::vector<socket_id>& to) {
    const std::lock_guard lock(mutex_);
    std::move(made_.begin(), made_.end(), std::back_inserter(to));
    made_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<socket_id> made_;
};

void abort_it(int fd) {
  const linger at_once{1, 0};
  if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0) die("set SO_LINGER");
  close(fd);
}

void make_and_end(int count, hand_over& to) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (bind(listener, generic, size) != 0 || listen(listener, 8) != 0 ||
      getsockname(listener, generic, &size) != 0)
    die("listen");
  const std::uint16_t port = ntohs(address.sin_port);
  for (int i = 0; i < count; ++i) {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in local = address;
    local.sin_port = 0;
    // Every other one is bound to its port: it keeps that when it closes.
    if (i % 2 == 1 && bind(client, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0)
      die("bind");
    if (connect(client, generic, sizeof address) != 0) die("connect");
    const int server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (server < 0 || write(client, "x", 1) != 1) die("accept");
    size = sizeof local;
    if (getsockname(client, reinterpret_cast<sockaddr*>(&local), &size) != 0) die("getsockname");
    const std::uint16_t from = ntohs(local.sin_port);
    to.put({loopback(), loopback(), from, port, 0, cookie_of(client)});
    to.put({loopback(), loopback(), port, from, 0, cookie_of(server)});
    usleep(static_cast<useconds_t>(20 + i % 100));
    char sink = 0;
    if (i % 4 / 2 == 0 && read(server, &sink, 1) != 1) die("read");
    abort_it(i % 4 / 2 == 0 ? client : server);
    close(i % 4 / 2 == 0 ? server : client);
  }
  close(listener);
}

struct seen {
  flow_table table;
  std::size_t answers = 0;
  std::size_t without_port = 0;  // as the kernel gave them
  std::size_t reused = 0;
  std::size_t wrong_ends = 0;
  std::int64_t now_ns = 0;

  void look_at(const message& m, const socket_id& made) noexcept {
    ++answers;
    if (m.sport() == 0) ++without_port;
    flow_update update;
    if (table.update(m, ++now_ns, update)) std::abort();
    if (update.change == flow_change::none) return;
    if (update.change == flow_change::reused) ++reused;
    const socket_id told = update.current.id();
    if (told.sport != made.sport || told.dport != made.dport || told.src != made.src) ++wrong_ends;
    if (table.commit(update)) std::abort();
  }
};

void ask_until(const std::atomic<bool>& done, hand_over& from, diag_socket& socket, seen& all) {
  std::vector<socket_id> ids;
  for (bool last = false; !last;) {
    last = done.load();
    from.take(ids);
    std::vector<std::uint64_t> gone;
    if (socket.query_all(ids, all_extensions, [&](const query_answer& a) noexcept {
          if (a.error)
            gone.push_back(ids[a.index].cookie);
          else
            all.look_at(a.answer, ids[a.index]);
        }))
      die("ask");
    std::erase_if(ids, [&](const socket_id& id) {
      return std::find(gone.begin(), gone.end(), id.cookie) != gone.end();
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 5'000;
  if (unshare(CLONE_NEWNET) != 0) {
    std::printf("SKIP: no network namespace may be made here (%s)\n", std::strerror(errno));
    return 77;
  }
  if (std::system("ip link set lo up") != 0) {
    std::printf("SKIP: no ip command to bring the namespace's loopback up\n");
    return 77;
  }
  diag_socket socket;
  seen all;
  if (socket.open() || all.table.reset({})) die("open inet_diag");
  hand_over ids;
  std::atomic<bool> done = false;
  std::thread maker([&] {
    make_and_end(count, ids);
    done = true;
  });
  ask_until(done, ids, socket, all);
  maker.join();
  std::printf(
      "%d connections, %zu answers, %zu of them without a local port; "
      "%zu taken for other connections, %zu with other ends\n",
      count, all.answers, all.without_port, all.reused, all.wrong_ends);
  return all.reused == 0 && all.wrong_ends == 0 && all.answers > 0 ? 0 : 1;
}
