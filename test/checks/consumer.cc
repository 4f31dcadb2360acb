// SPDX-License-Identifier: Apache-2.0
//
// What a user's first program looks like. Built by test/checks/consumer.py against an installed
// copy, through pkg-config and nothing else.
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/version.h>

#include <iostream>

int main() {
  tcpinfo::diag_socket socket;
  if (const std::error_code ec = socket.open()) {
    std::cerr << "open: " << ec.message() << '\n';
    return 1;
  }
  tcpinfo::dump_request request;
  request.states = 0xffe;
  request.extensions = tcpinfo::extension(tcpinfo::attribute_type::info);
  unsigned sockets = 0;
  const auto count = [&](const tcpinfo::message& m) noexcept { sockets += m.sport() != 0; };
  if (const std::error_code ec = socket.dump(request, count)) {
    std::cerr << "dump: " << ec.message() << '\n';
    return 1;
  }
  std::cout << tcpinfo::version_string() << ' ' << sockets << '\n';
}
