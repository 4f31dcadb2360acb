// SPDX-License-Identifier: Apache-2.0
#include "traffic/report.h"

#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace traffic {

void die(const char* format, ...) {
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

void die_errno(const char* what) { die("%s: %s", what, std::strerror(errno)); }

void say(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::vprintf(format, args);
  va_end(args);
  std::fflush(stdout);
}

}  // namespace traffic
