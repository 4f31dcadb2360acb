// SPDX-License-Identifier: Apache-2.0
//
// Archives, written.
#include <tcpinfo/archive.h>

#include <string_view>

#include "c/open_handle.h"
#include "c/result.h"
#include "c/structs.h"

using namespace tcpinfo;

struct tcpinfo_writer {
  archive_file_writer file;
};

namespace {

int write_metadata(tcpinfo_writer& w, const tcpinfo_metadata& told) {
  const auto text = [](const char* c) { return c == nullptr ? std::string_view() : c; };
  metadata m;
  m.uuid = text(told.uuid);
  m.sequence = told.sequence;
  m.start_time = from_c(told.start_time);
  m.opened = from_c(told.opened);
  m.host = text(told.host);
  m.kernel = text(told.kernel);
  m.collector = text(told.collector);
  m.interval = text(told.interval);
  m.run = text(told.run);
  m.netns = text(told.netns);
  m.policy = text(told.policy);
  m.cgroup = text(told.cgroup);
  m.owner = text(told.owner);
  m.pid = text(told.pid);
  m.comm = text(told.comm);
  m.executable = text(told.executable);
  const std::string_view order = text(told.byte_order);
  if (order == "little")
    m.byte_order = {};
  else if (order == "big")
    m.byte_order = order;
  else if (!order.empty())
    return TCPINFO_E_INVALID_ARGUMENT;
  return c_result(w.file.write(m));
}

int write_message(tcpinfo_writer& w, const tcpinfo_record& told) {
  message m;
  if (const std::error_code ec = message::from(from_c(told.message).bytes, m)) return c_result(ec);
  record_extras extras;
  if ((told.flags & TCPINFO_RECORD_HAS_POLL) != 0) extras.poll = told.poll;
  extras.ended = from_c(told.ended);
  extras.carried = told.carried;
  extras.thinned = told.thinned;
  return c_result(w.file.write(from_c(told.time), m, extras));
}

}  // namespace

extern "C" {

int tcpinfo_writer_open(tcpinfo_writer** out, const char* path,
                        const tcpinfo_writer_options* given) noexcept {
  tcpinfo_writer_options options{};
  if (out == nullptr || path == nullptr || !c_take_options(given, options) || options.plain > 1)
    return TCPINFO_E_INVALID_ARGUMENT;
  archive_file_options how;
  how.plain = options.plain;
  if (options.level != 0) how.level = options.level;
  if (options.frame_bytes != 0) how.frame_bytes = options.frame_bytes;
  return c_open_handle(out,
                       [&](tcpinfo_writer& made) noexcept { return made.file.create(path, how); });
}

int tcpinfo_writer_write(tcpinfo_writer* writer, const tcpinfo_record* given) noexcept {
  tcpinfo_record told{};
  if (writer == nullptr || !c_take(given, told) ||
      (told.metadata == nullptr) == (told.message.bytes == nullptr))
    return TCPINFO_E_INVALID_ARGUMENT;
  if (told.metadata == nullptr) return write_message(*writer, told);
  tcpinfo_metadata first{};
  return c_take(told.metadata, first) ? write_metadata(*writer, first) : TCPINFO_E_INVALID_ARGUMENT;
}

int tcpinfo_writer_close(tcpinfo_writer* writer) noexcept {
  if (writer == nullptr) return 0;
  const int result = c_result(writer->file.finish());
  delete writer;
  return result;
}

}  // extern "C"
