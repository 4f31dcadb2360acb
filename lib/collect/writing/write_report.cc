// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/write_report.h"

#include <cerrno>

#include "common/errno_of.h"

namespace tcpinfo::collect {

void tell_write_failed(const writer_context& context, const std::string& part,
                       const std::error_code& ec) {
  context.counts.write_errors.add(ec);
  context.limits.write.log(
      context.system.monotonic_ns(), event::write_failed, {part, ec},
      "cannot write {}: {} (its records wait, and it is tried again)", part,
      is_errno(ec, EWOULDBLOCK) ? "another collector has the output directory" : ec.message());
}

void tell_dropped(const writer_context& context, const std::string& part, std::uint64_t records,
                  std::string_view why) {
  context.limits.drop.log(context.system.monotonic_ns(), event::records_dropped, {.file = part},
                          "{} records of {} are lost: they could not be written, and {}", records,
                          part, why);
}

void tell_vanished(const writer_context& context, const std::string& part) {
  context.counts.lost_files.add();
  context.limits.vanish.log(
      context.system.monotonic_ns(), event::file_vanished, {.file = part},
      "{} was taken away while it was being written: what comes next goes into a new "
      "file",
      part);
}

}  // namespace tcpinfo::collect
