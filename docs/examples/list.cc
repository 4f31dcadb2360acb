// SPDX-License-Identifier: Apache-2.0
//
// An example: lists this machine's TCP connections, as ss does.
//
//   g++ -std=c++20 list.cc -o list $(pkg-config --cflags --libs libtcpinfo)
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>

#include <cstdio>
#include <string>

namespace {

std::string end_text(const tcpinfo::ip_address& address, std::uint16_t port) {
  const std::string text = to_string(address.unmapped());
  const bool v6 = text.find(':') != std::string::npos;
  return (v6 ? "[" + text + "]:" : text + ":") + std::to_string(port);
}

void print(const tcpinfo::message& m) {
  using namespace tcpinfo;
  // What the kernel did not send is absent, and no 0: of a time-wait socket there is no tcp_info.
  const bytes_view info = m.find(attribute_type::info).value_or(bytes_view{});
  const auto rtt_us = tcp_value(info, info_layout::unknown, tcp_field::rtt);
  std::printf("%-10s %8u %8u  %-40s %-40s %s\n", std::string(state_ss_name(m.state())).c_str(),
              m.rqueue(), m.wqueue(), end_text(m.src(), m.sport()).c_str(),
              end_text(m.dst(), m.dport()).c_str(),
              rtt_us ? (std::to_string(*rtt_us) + "us").c_str() : "-");
}

}  // namespace

int main() {
  tcpinfo::diag_socket socket;
  tcpinfo::dump_request request;
  // All states from ESTABLISHED (1) to CLOSING (11), but no listeners.
  request.states = 0xffe & ~state_bit(tcpinfo::tcp_state::listen);
  request.extensions = extension(tcpinfo::attribute_type::info);
  std::error_code ec = socket.open();
  std::printf("%-10s %8s %8s  %-40s %-40s %s\n", "STATE", "RECV-Q", "SEND-Q", "LOCAL", "REMOTE",
              "RTT");
  if (!ec) ec = socket.dump(request, [](const tcpinfo::message& m) { print(m); });
  if (ec) std::fprintf(stderr, "list: %s\n", ec.message().c_str());
  return ec ? 1 : 0;
}
