// SPDX-License-Identifier: Apache-2.0
#include "collect/telemetry/journal.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "collect/os/descriptor.h"
#include "collect/os/readiness.h"
#include "collect/os/unix_address.h"

#ifdef TCPINFO_HAVE_LIBSYSTEMD
// Entries would tell where in this file they were sent.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

namespace tcpinfo::collect {

#ifdef TCPINFO_HAVE_LIBSYSTEMD

namespace {
constexpr std::string_view socket_path = "/run/systemd/journal/socket";
}  // namespace

bool journal_connected() noexcept {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  // Where the socket is not there, as below a RootDirectory=, libsystemd drops entries without a
  // word.
  if (::access(socket_path.data(), W_OK) != 0) return false;
  try {
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
  } catch (...) {
    return false;
  }
}

bool journal_takes_an_entry() noexcept {
  const descriptor probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto journal = unix_address::of_path(socket_path);
  return probe && journal && ::connect(probe.get(), journal->get(), journal->size()) == 0 &&
         is_writable(probe.get());
}

bool send_to_journal(const log_event& what, std::string_view text,
                     const log_subject& subject) noexcept {
  try {
    std::array<std::string, 6> fields{
        "SYSLOG_IDENTIFIER=tcpinfo-collect",
        fmt::format("MESSAGE={}", text),
        fmt::format("PRIORITY={}", what.priority),
        fmt::format("TCPINFO_EVENT={}", what.name),
    };
    std::size_t used = 4;
    if (!subject.file.empty()) fields[used++] = fmt::format("TCPINFO_FILE={}", subject.file);
    if (subject.error && subject.error.category() == std::system_category())
      fields[used++] = fmt::format("ERRNO={}", subject.error.value());
    std::array<iovec, fields.size()> parts;
    for (std::size_t i = 0; i < used; ++i) parts[i] = {fields[i].data(), fields[i].size()};
    return sd_journal_sendv(parts.data(), static_cast<int>(used)) == 0;
  } catch (...) {
    return false;
  }
}

#else

bool journal_connected() noexcept { return false; }
bool journal_takes_an_entry() noexcept { return false; }
bool send_to_journal(const log_event&, std::string_view, const log_subject&) noexcept {
  return false;
}

#endif

}  // namespace tcpinfo::collect
