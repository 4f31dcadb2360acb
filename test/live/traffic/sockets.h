// SPDX-License-Identifier: Apache-2.0
//
// The system calls of both ends; each dies where a call fails, for nothing here may.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_SOCKETS_H
#define TCPINFO_TEST_LIVE_TRAFFIC_SOCKETS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>

namespace traffic {

// How the two ends of a connection look. `mapped` is an IPv6 socket talking IPv4 at both ends.
enum class family : uint8_t { v4, v6, mapped };
inline constexpr std::array family_names = {"v4", "v6", "mapped"};

struct endpoint {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_storage);

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&address); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&address); }
  uint16_t port() const;
  std::string host() const;
};

void set_int(int fd, int level, int option, int value, const char* what);
int new_socket(family kind);
// Nothing here should ever wait for long; a wait of many seconds is a failure to be told.
void set_patience(int fd);
uint64_t cookie_of(int fd);
endpoint local_of(int fd);
endpoint remote_of(int fd);

struct listener {
  int fd = -1;
  family kind = family::v4;
  endpoint target;  // what a sender connects to
};

listener listen_on(family kind, const std::string& host);

void send_all(int fd, uint64_t bytes);
void receive_all(int fd, uint64_t bytes);
// Reads once. `who` reads is for the message.
void expect_end(int fd, const char* who);
void expect_reset(int fd, const char* who);
// Closes by RST.
void reset(int fd);

// Of this process and its threads, for so many descriptors in one table.
void raise_descriptor_limit(uint64_t needed);

}  // namespace traffic

#endif
