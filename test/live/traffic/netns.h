// SPDX-License-Identifier: Apache-2.0
//
// A network namespace to make sockets in.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_NETNS_H
#define TCPINFO_TEST_LIVE_TRAFFIC_NETNS_H

#include <string>

namespace traffic {

// The process's own when no path was given.
class netns {
 public:
  void open(const std::string& path);

  // For the calling thread only. Both namespaces are given or none is, so there is no way back to
  // arrange for.
  void enter() const;

 private:
  int fd_ = -1;
};

}  // namespace traffic

#endif
