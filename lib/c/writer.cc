// SPDX-License-Identifier: Apache-2.0
//
// Archives, written.
#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <string_view>
#include <vector>

#include "c/result.h"
#include "c/structs.h"
#include "common/errno_of.h"

using namespace tcpinfo;

namespace {

constexpr std::size_t default_frame_bytes = std::size_t{128} << 10;
constexpr int file_mode = 0640;

}  // namespace

struct tcpinfo_writer {
  int descriptor = -1;
  std::size_t frame_bytes = default_frame_bytes;
  bool plain = false;
  frame_writer frames;
  record_encoder encoder;
  std::vector<char> lines;       ///< of the frame that is being filled
  std::vector<std::byte> frame;  ///< the one before, compressed
  int fault = 0;                 ///< of writing to the file; nothing can follow

  tcpinfo_writer() noexcept = default;
  ~tcpinfo_writer() {
    if (descriptor >= 0) ::close(descriptor);
  }
  tcpinfo_writer(const tcpinfo_writer&) = delete;
  tcpinfo_writer& operator=(const tcpinfo_writer&) = delete;
};

namespace {

std::error_code write_all(int descriptor, bytes_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error();
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

/// Writes what has been gathered. May throw std::bad_alloc: then it is still there.
int flush(tcpinfo_writer& w) {
  if (w.lines.empty() || w.fault != 0) return w.fault;
  bytes_view bytes = std::as_bytes(std::span(w.lines));
  if (!w.plain) {
    w.frame.resize(frame_writer::bound(w.lines.size()));
    std::size_t size = 0;
    if (const std::error_code ec = w.frames.compress(bytes, w.frame, size)) return c_result(ec);
    bytes = bytes_view(w.frame).first(size);
  }
  w.fault = c_result(write_all(w.descriptor, bytes));
  w.lines.clear();
  return w.fault;
}

/// Appends a line of at most `room` bytes that `encode` writes. May throw std::bad_alloc.
template <class Encode>
int append(tcpinfo_writer& w, std::size_t room, Encode&& encode) {
  const std::size_t before = w.lines.size();
  w.lines.resize(before + room);
  std::size_t written = 0;
  const std::error_code ec = encode(std::span(w.lines).subspan(before), written);
  w.lines.resize(before + (ec ? 0 : written));
  return c_result(ec);
}

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
  const std::string_view order = text(told.byte_order);
  if (order == "little")
    m.byte_order = {};
  else if (order == "big")
    m.byte_order = order;
  else if (!order.empty())
    return TCPINFO_E_INVALID_ARGUMENT;
  return append(w, max_metadata_size(m), [&](std::span<char> out, std::size_t& written) noexcept {
    return encode_metadata(out, written, m);
  });
}

int write_message(tcpinfo_writer& w, const tcpinfo_record& told) {
  message m;
  if (const std::error_code ec = message::from(from_c(told.message).bytes, m)) return c_result(ec);
  record_extras extras;
  if ((told.flags & TCPINFO_RECORD_HAS_POLL) != 0) extras.poll = told.poll;
  extras.ended = from_c(told.ended);
  extras.carried = told.carried;
  return append(w, max_record_size(m), [&](std::span<char> out, std::size_t& written) noexcept {
    return w.encoder.encode(out, written, from_c(told.time), m, extras);
  });
}

}  // namespace

extern "C" {

int tcpinfo_writer_open(tcpinfo_writer** out, const char* path,
                        const tcpinfo_writer_options* given) noexcept {
  tcpinfo_writer_options options{};
  if (out == nullptr || path == nullptr || (given != nullptr && !c_take(given, options)) ||
      options.plain > 1)
    return TCPINFO_E_INVALID_ARGUMENT;
  auto* const made = new (std::nothrow) tcpinfo_writer;
  if (made == nullptr) return TCPINFO_E_OUT_OF_MEMORY;
  made->plain = options.plain != 0;
  if (options.frame_bytes != 0) made->frame_bytes = options.frame_bytes;
  std::error_code ec;
  // What can be refused is refused before there is a file.
  if (options.level != 0)
    ec = made->frames.create(options.level);
  else
    ec = made->frames.create(frame_options{});
  if (!ec) {
    made->descriptor = ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
    if (made->descriptor < 0) ec = last_error();
  }
  if (ec) {
    delete made;
    return c_result(ec);
  }
  *out = made;
  return 0;
}

int tcpinfo_writer_write(tcpinfo_writer* writer, const tcpinfo_record* given) noexcept {
  tcpinfo_record told{};
  if (writer == nullptr || !c_take(given, told) ||
      (told.metadata == nullptr) == (told.message.bytes == nullptr))
    return TCPINFO_E_INVALID_ARGUMENT;
  if (writer->fault != 0) return writer->fault;
  return c_guarded([&] {
    tcpinfo_metadata first{};
    int result = 0;
    if (told.metadata == nullptr)
      result = write_message(*writer, told);
    else if (c_take(told.metadata, first))
      result = write_metadata(*writer, first);
    else
      result = TCPINFO_E_INVALID_ARGUMENT;
    if (result == 0 && writer->lines.size() >= writer->frame_bytes) result = flush(*writer);
    return result;
  });
}

int tcpinfo_writer_close(tcpinfo_writer* writer) noexcept {
  if (writer == nullptr) return 0;
  int result = c_guarded([&] { return flush(*writer); });
  if (::close(std::exchange(writer->descriptor, -1)) != 0 && result == 0)
    result = c_result(last_error());
  delete writer;
  return result;
}

}  // extern "C"
