// SPDX-License-Identifier: Apache-2.0
#include "traffic/truth.h"

#include <sys/stat.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "traffic/report.h"

namespace traffic {
namespace {

// The values bytes_received may have in the receiver's last tcp_info. A FIN takes one place in the
// sequence space. An orphan in FIN_WAIT2 is reduced to a mini socket as soon as its own FIN is
// acknowledged; whether the sender's FIN came with that acknowledgement or after it is a matter of
// timing, so that case has two right answers. (A socket reset by its own side has its counters
// cleared before it is destroyed: what stands here for receiver_rst is what they were until then.)
std::string expected_received(const truth& one) {
  const std::string data = std::to_string(one.bytes);
  const std::string data_and_fin = std::to_string(one.bytes + 1);
  switch (one.how) {
    case closing::sender_fin:
    case closing::receiver_fin:
      return "[" + data_and_fin + "]";
    case closing::receiver_close:
      return "[" + data + "," + data_and_fin + "]";
    case closing::sender_rst:
    case closing::receiver_rst:
      break;
  }
  return "[" + data + "]";
}

// The truth file is renamed into place: that must not replace a device such as /dev/null.
void refuse_special_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    die("%s is not a regular file", path.c_str());
}

}  // namespace

void write_truth(const std::string& path, const std::vector<truth>& all) {
  refuse_special_file(path);
  // Written beside and renamed: whoever sees the file sees all of it.
  const std::string part = path + ".tmp";
  std::FILE* out = std::fopen(part.c_str(), "we");
  if (out == nullptr) die("%s: %s", part.c_str(), std::strerror(errno));
  for (const truth& one : all) {
    std::fprintf(out,
                 "{\"class\":\"%s\",\"family\":\"%s\",\"close\":\"%s\",\"active\":%s,"
                 "\"receiver_cookie\":\"%016" PRIX64 "\",\"sender_cookie\":\"%016" PRIX64
                 "\",\"local\":\"%s\",\"local_port\":%u,\"remote\":\"%s\",\"remote_port\":%u,"
                 "\"bytes\":%" PRIu64 ",\"expect_received\":%s,\"start_ns\":%" PRId64
                 ",\"end_ns\":%" PRId64 "}\n",
                 one.group.c_str(), family_names[static_cast<size_t>(one.kind)],
                 closing_names[static_cast<size_t>(one.how)], one.active ? "true" : "false",
                 one.receiver_cookie, one.sender_cookie, one.local.host().c_str(), one.local.port(),
                 one.remote.host().c_str(), one.remote.port(), one.bytes,
                 expected_received(one).c_str(), one.start_ns, one.end_ns);
  }
  if (std::fflush(out) != 0 || std::ferror(out) != 0 || std::fclose(out) != 0) die_errno("truth");
  if (std::rename(part.c_str(), path.c_str()) != 0) die_errno("rename");
}

}  // namespace traffic
