// SPDX-License-Identifier: Apache-2.0
#include "traffic/netns.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstring>

#include "traffic/report.h"

namespace traffic {

void netns::open(const std::string& path) {
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) die("%s: %s", path.c_str(), std::strerror(errno));
}

void netns::enter() const {
  if (fd_ >= 0 && setns(fd_, CLONE_NEWNET) != 0) die_errno("setns");
}

}  // namespace traffic
