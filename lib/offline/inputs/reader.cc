// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/reader.h"

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "common/message_of.h"
#include "offline/inputs/archive_records.h"
#include "offline/inputs/captures/capture_records.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/held_file.h"
#include "offline/inputs/sniffing/content.h"
#include "offline/inputs/sources/file_source.h"
#include "offline/inputs/sources/range_source.h"
#include "offline/inputs/tar_archives.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view other_tool = "a capture: tcpinfo-dump reads these";
constexpr std::string_view no_libpcap =
    "a capture, which this build does not read: it lacks libpcap";
constexpr std::string_view no_libarchive =
    "a tar, which this build does not read (it lacks libarchive): unpack it with tar -x";

}  // namespace

struct input_reader::impl {
  impl(fault_log& log, const reader_options& options)
      : faults(log),
        takes_captures(options.captures),
        whole(options.max_window_log),
        tar(log, options.captures, options.max_window_log),
        lines(log, options.max_line, options.max_window_log),
        messages(log) {
    lines.repeat_metadata(options.repeats_metadata);
  }

  fault_log& faults;
  bool takes_captures;
  std::string name;
  file_source file;
  std::shared_ptr<const held_file> ranged;
  std::optional<range_source> ranges;  // of a part of a file, instead of `file`
  content whole;
  tar_archives tar;
  archive_records lines;
  capture_records messages;
  bool is_tar = false;
  bool is_capture = false;
  bool open = false;

  [[nodiscard]] int open_file(const std::string& path);
  [[nodiscard]] bool start(content_kind kind, content& from);
  [[nodiscard]] bool refuse(std::string_view why) {
    faults.tell(0, why);
    return false;
  }
};

// @return an errno.
int input_reader::impl::open_file(const std::string& path) {
  ranges.reset();
  name = path;
  faults.begin_file(path);
  if (path == stdin_path) {
    file.take(STDIN_FILENO);
    return 0;
  }
  const int error = file.open(path);
  std::string_view complete = path;
  if (error != ENOENT || !take_ending(complete, ".part")) return error;
  // It was being written when it was found, and is complete by now.
  const std::string renamed(complete);
  if (const int other = file.open(renamed)) return other;
  name = renamed;
  faults.begin_file(renamed);
  return 0;
}

// Begins to read a file as a whole, or a member of a tar.
bool input_reader::impl::start(content_kind kind, content& from) {
  is_capture = kind == content_kind::pcap || kind == content_kind::netlink;
  if (kind == content_kind::unread) return refuse(from.why_unread());
  if (kind == content_kind::tar) return refuse("a tar in a tar: unpack it once");
  if (!is_capture) {
    open = lines.open(from, name, kind == content_kind::segment);
    return open;
  }
  if (!takes_captures) return refuse(other_tool);
  if (kind == content_kind::pcap && !reads_pcap()) return refuse(no_libpcap);
  open = messages.open(from.bytes(), kind == content_kind::netlink);
  return open;
}

input_reader::input_reader(fault_callback on_fault, reader_options options)
    : faults_(std::move(on_fault), options.all_faults),
      impl_(std::make_unique<impl>(faults_, options)) {}
input_reader::~input_reader() = default;

bool input_reader::open(const std::string& path) {
  impl& i = *impl_;
  faults_.end_part();
  i.open = i.is_tar = i.is_capture = false;
  if (faults_.stopped()) return false;
  if (const int error = i.open_file(path)) return i.refuse(message_of(error));
  const content_kind kind = i.whole.open(i.file);
  if (kind != content_kind::tar) {
    if (!i.start(kind, i.whole)) return false;
    // From there come blocks of a stream, too: from its middle on, of many segments, in any order.
    if (kind == content_kind::segment && path == stdin_path) {
      i.lines.begin_within();
      i.lines.pass_over_gaps();
    }
    return true;
  }
  if (!reads_tar()) return i.refuse(no_libarchive);
  i.is_tar = true;
  i.tar.open(i.whole.bytes(), i.name);
  return open_next();
}

bool input_reader::open(const input_part& part) {
  if (part.ranges.empty()) return open(part.path);
  impl& i = *impl_;
  faults_.end_part();
  i.open = i.is_tar = i.is_capture = false;
  if (faults_.stopped()) return false;
  i.name = part.path;
  faults_.begin_file(part.path);
  i.file.close();
  i.ranged = part.file;
  i.ranges.emplace(i.ranged->fd(), part.ranges);
  if (!i.start(i.whole.open(*i.ranges), i.whole)) return false;
  if (part.ranges.front().offset > 0) i.lines.begin_within();
  if (part.ranges.size() > 1) i.lines.pass_over_gaps();
  return true;
}

bool input_reader::open(byte_source& from, const std::string& path, bool within) {
  impl& i = *impl_;
  faults_.end_part();
  i.open = i.is_tar = i.is_capture = false;
  if (faults_.stopped()) return false;
  i.ranges.reset();
  i.name = path;
  faults_.begin_file(path);
  if (!i.start(i.whole.open(from), i.whole)) return false;
  if (within && !i.is_capture) i.lines.begin_within();
  return true;
}

bool input_reader::open_next() {
  impl& i = *impl_;
  faults_.end_part();
  i.open = false;
  if (!i.is_tar) return false;
  content_kind kind{};
  while (i.tar.next(kind)) {
    i.name = i.tar.name();
    if (i.start(kind, i.tar.member())) return true;
    faults_.end_part();
  }
  i.is_tar = false;
  return false;
}

bool input_reader::next(input_record& out) {
  impl& i = *impl_;
  if (!i.open || faults_.stopped()) return false;
  i.open = i.is_capture ? i.messages.next(out) : i.lines.next(out);
  return i.open;
}

std::uint64_t input_reader::bytes_read() const noexcept {
  return impl_->ranges ? impl_->ranges->bytes_read() : impl_->file.bytes_read();
}
const std::string& input_reader::name() const noexcept { return impl_->name; }
bool input_reader::is_capture() const noexcept { return impl_->is_capture; }

}  // namespace tcpinfo::offline
