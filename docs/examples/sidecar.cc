// SPDX-License-Identifier: Apache-2.0
//
// An example: a program beside tcpinfo-collect that is told of every connection, and does something
// with each that ends. Here it prints them; a real one would trace a route, or look up a name.
//
//   g++ -std=c++20 sidecar.cc -o sidecar $(pkg-config --cflags --libs libtcpinfo)
//   tcpinfo-collect -o /var/spool/tcpinfo --eventsocket /run/tcpinfo/events.sock &
//   ./sidecar /run/tcpinfo/events.sock
#include <tcpinfo/eventsocket.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <unordered_map>

namespace {

// What is known of a connection while it is open: its close event has only the UUID.
using open_connections = std::unordered_map<std::string, tcpinfo::socket_id>;

void handle(const tcpinfo::flow_event& event, open_connections& open) {
  // The views of an event are gone with the next one: what is to stay is copied.
  const std::string uuid(event.uuid);
  if (event.kind == tcpinfo::flow_event_kind::opened && event.has_id != 0) {
    open[uuid] = event.id;
  } else if (event.kind == tcpinfo::flow_event_kind::closed) {
    const auto found = open.find(uuid);
    if (found == open.end()) return;  // it was open before we came
    const tcpinfo::socket_id& id = found->second;
    std::printf("%s %s %s:%u %s:%u\n", to_string(event.time).c_str(), uuid.c_str(),
                to_string(id.src).c_str(), id.sport, to_string(id.dst).c_str(), id.dport);
    std::fflush(stdout);
    open.erase(found);
  }
  // Any other kind is a newer server's, and not for us.
}

// Until the server goes away.
void follow(tcpinfo::event_client& client) {
  open_connections open;
  for (const auto& item : client.items()) {
    if (item)
      handle(*item, open);
    else
      std::fprintf(stderr, "sidecar: %s\n", item.error().message().c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: sidecar SOCKET [--once]\n");
    return 2;
  }
  tcpinfo::event_client client;
  for (;;) {
    if (const std::error_code ec = client.connect(argv[1]))
      std::fprintf(stderr, "sidecar: %s: %s\n", argv[1], ec.message().c_str());
    else
      follow(client);
    if (argc == 3) return 0;
    // The collector is being restarted, or is not there yet.
    (void)::sleep(1);
  }
}
