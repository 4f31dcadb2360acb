// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/reader.h"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "offline/inputs/captures/byte_order.h"
#include "offline/inputs/captures/capture_reader.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/sniffing/content.h"
#include "offline/inputs/sniffing/file_judge.h"
#include "offline/inputs/sources/file_source.h"
#include "offline/inputs/sources/tar_members.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view other_tool = "a capture: tcpinfo-dump reads these";
constexpr std::string_view no_libpcap =
    "a capture, which this build does not read: it lacks libpcap";
constexpr std::string_view no_libarchive =
    "a tar, which this build does not read (it lacks libarchive): unpack it with tar -x";

/// What holds for a file before a record of it was read. `file`: as faults call it.
std::shared_ptr<input_context> context_of(const std::string& path, const std::string& file) {
  auto context = std::make_shared<input_context>();
  context->file = file;
  if (path == stdin_path) return context;
  archive_name name;
  if (!parse_archive_name(path, name)) {
    context->uuid = name.uuid;
    context->sequence = name.sequence;
    context->partial = name.partial;
  } else {
    // One of another name, .JSONL.ZST or .jsonl.gz.
    const name_parts parts = take_apart(base_name(path));
    const std::string usual = std::string(parts.stem) + ".jsonl";
    context->partial = parts.partial;
    if (parts.lines && !parse_archive_name(usual, name)) {
      context->uuid = name.uuid;
      context->sequence = name.sequence;
    } else {
      context->uuid = parts.stem;
    }
  }
  if (!context->uuid.empty()) context->source = uuid_source::file_name;
  return context;
}

void take_metadata(const metadata& from, input_context& to) {
  if (!from.uuid.empty()) {
    to.uuid = from.uuid;
    to.source = uuid_source::metadata;
  }
  to.sequence = from.sequence;
  to.start_time = from.start_time;
  to.opened = from.opened;
  to.host = from.host;
  to.kernel = from.kernel;
  to.run = from.run;
  to.interval = from.interval;
  to.netns = from.netns;
  to.layout = layout_of_kernel(from.kernel);
}

}  // namespace

struct input_reader::impl {
  impl(std::int32_t max_window_log) : whole(max_window_log), member(max_window_log) {}

  std::shared_ptr<const input_context> context;
  std::string name;  // that context began with
  file_source file;
  content whole;
  bool capture = false;
  bool open = false;

  archive_reader archive;
  record parsed;
  bool any_line = false;
  bool damaged = false;  // since the last metadata record

  capture_reader messages;
  std::uint64_t message_number = 0;

  bool tar = false;
  std::string path;  // of the tar
  tar_members members;
  content member;
  std::uint64_t members_read = 0;
  std::uint64_t members_passed = 0;
  std::string first_passed;
  std::uint64_t members_unread = 0;
  std::string first_unread;
  std::string told_below;

  [[nodiscard]] content& current() { return tar ? member : whole; }
  void check_context(std::uint64_t of_record);
  void take_message(input_record& out);
};

// What was damaged may have been the metadata record of the next of several archives, one after the
// other: the UUID of the one before is not that of its records.
void input_reader::impl::check_context(std::uint64_t of_record) {
  std::uint64_t cookie = 0;
  if (context->source != uuid_source::metadata || parse_uuid_cookie(context->uuid, cookie) ||
      cookie == of_record)
    return;
  auto unknown = std::make_shared<input_context>();
  unknown->file = context->file;
  context = std::move(unknown);
}

// The record's message in this machine's byte order.
void input_reader::impl::take_message(input_record& out) {
  out.m = parsed.view();
  out.held.reset();
  if (!out.has_message || archive.big_endian() == (std::endian::native == std::endian::big)) return;
  auto turned = std::make_shared<std::vector<std::byte>>();
  out.m = turn_byte_order(out.m, context->layout, *turned);
  out.held = std::move(turned);
}

input_reader::input_reader(fault_callback on_fault, reader_options options)
    : impl_(std::make_unique<impl>(options.max_window_log)),
      on_fault_(std::move(on_fault)),
      options_(options),
      limit_(options.all_faults) {}
input_reader::~input_reader() = default;

bool input_reader::tell(std::uint64_t line, std::string_view what) {
  ++faults_;
  if (limit_.tells(what) && !on_fault_({impl_->context->file, line, what})) stopped_ = true;
  return !stopped_;
}

void input_reader::note(std::string_view what) {
  if (!stopped_ && !on_fault_({impl_->context->file, 0, what, true})) stopped_ = true;
}

// What was not told of the part that ends.
void input_reader::tell_rest() {
  limit_.end([this](const std::string& text) { note(text); });
}

// Why the input ended, or what else was wrong below its records: once, at its end.
void input_reader::tell_below() {
  impl& i = *impl_;
  std::string what = i.current().fault_below();
  if (what.empty() || what == i.told_below) return;
  i.told_below = std::move(what);
  tell(i.capture ? 0 : i.archive.line_number(), i.told_below);
}

bool input_reader::refuse(std::string_view why) {
  tell(0, why);
  return false;
}

bool input_reader::open(const std::string& path) {
  impl& i = *impl_;
  tell_rest();
  i.open = i.tar = i.capture = false;
  i.told_below.clear();
  if (stopped_) return false;
  i.name = path;
  i.context = context_of(path, path);
  if (path == stdin_path) {
    i.file.take(STDIN_FILENO);
  } else {
    int error = i.file.open(path);
    // It was being written when it was found, and is complete by now.
    std::string_view whole = path;
    if (error == ENOENT && take_ending(whole, ".part")) {
      const std::string complete(whole);
      error = i.file.open(complete);
      if (error == 0) {
        i.name = complete;
        i.context = context_of(complete, complete);
      }
    }
    if (error != 0) return refuse(std::generic_category().message(error));
  }
  const content_kind kind = i.whole.open(i.file);
  if (kind != content_kind::tar) return start(static_cast<int>(kind));
  if (!reads_tar()) return refuse(no_libarchive);
  i.tar = true;
  i.path = i.name;
  i.members_read = i.members_passed = i.members_unread = 0;
  i.members.open(i.whole.bytes());
  return open_next();
}

bool input_reader::open_next() {
  impl& i = *impl_;
  tell_rest();
  i.open = false;
  if (!i.tar) return false;
  std::string name;
  while (!stopped_ && i.members.next(name)) {
    if (!i.members.damage().empty()) {
      begin_tar_itself();
      if (!tell(0, i.members.damage())) break;
      tell_rest();
    }
    const content_kind kind = i.member.open(i.members.content());
    const looked is =
        is_archive_name(name) ? looked::ours : judge(name, i.member, kind, options_.captures);
    if (is == looked::unread) {
      if (i.members_unread++ == 0) i.first_unread = name;
      continue;
    }
    if (is == looked::other || is == looked::nothing) {
      if (i.members_passed++ == 0) i.first_passed = name;
      continue;
    }
    ++i.members_read;
    i.name = name;
    i.context = context_of(name, fmt::format("{}:{}", i.path, name));
    if (start(static_cast<int>(kind))) return true;
    tell_rest();
  }
  if (stopped_) return false;
  begin_tar_itself();
  const std::uint64_t before = faults_;
  if (!i.members.damage().empty()) tell(0, i.members.damage());
  if (std::string what = i.members.fault(); !what.empty() && what != i.told_below) tell(0, what);
  if (i.members_unread != 0)
    tell(0, fmt::format("{} of its files in formats that are not read, such as {}",
                        i.members_unread, i.first_unread));
  if (i.members_read == 0 && faults_ == before)
    tell(0, i.members_passed == 0
                ? std::string("a tar without archives: it holds no file")
                : fmt::format("a tar without archives: none of its {} files is one",
                              i.members_passed));
  else if (i.members_passed != 0)
    note(fmt::format("passed over {} of its files, which are no archives, such as {}",
                     i.members_passed, i.first_passed));
  i.tar = false;
  tell_rest();
  return false;
}

// What is told next is of the tar, not of a member.
void input_reader::begin_tar_itself() {
  auto context = std::make_shared<input_context>();
  context->file = impl_->path;
  impl_->context = std::move(context);
}

// Begins to read what is open as a whole, or the member.
bool input_reader::start(int of_kind) {
  impl& i = *impl_;
  const auto kind = static_cast<content_kind>(of_kind);
  content& from = i.current();
  i.any_line = i.damaged = false;
  i.capture = kind == content_kind::pcap || kind == content_kind::netlink;
  if (kind == content_kind::foreign) return refuse(from.foreign());
  if (kind == content_kind::tar) return refuse("a tar in a tar: unpack it once");
  if (!i.capture) {
    archive_reader_options o;
    o.max_line = options_.max_line;
    o.max_window_log = options_.max_window_log;
    if (const auto ec = from.hand_over(i.archive, o)) return refuse(ec.message());
    if (from.zeros() != 0)
      tell(1, fmt::format("begins with {} zeros: what was there is lost", from.zeros()));
    i.open = !stopped_;
    return i.open;
  }
  if (!options_.captures) return refuse(other_tool);
  if (kind == content_kind::pcap && !reads_pcap()) return refuse(no_libpcap);
  // A capture holds many connections: its name is none's.
  auto context = std::make_shared<input_context>();
  context->file = i.context->file;
  i.context = std::move(context);
  i.message_number = 0;
  if (const std::string what = i.messages.open(from.bytes(), kind == content_kind::netlink);
      !what.empty())
    return refuse(what);
  i.open = true;
  return true;
}

bool input_reader::next_message(input_record& out) {
  impl& i = *impl_;
  netlink_message n;
  std::string what;
  while (!stopped_) {
    const capture_step step = i.messages.next(n, what);
    if (step == capture_step::fault) {
      // It may be why the input ended.
      if (what == i.current().bytes().fault()) i.told_below = what;
      tell(0, what);
      continue;
    }
    if (step == capture_step::end) {
      if (const std::string below = i.current().bytes().fault();
          !below.empty() && below != i.told_below) {
        i.told_below = below;
        tell(0, below);
      }
      i.open = false;
      return false;
    }
    if (n.kind != message_kind::response) continue;
    message m;
    if (message::from(n.payload, m)) continue;  // a short one is a fault already
    // Other families of sock_diag (unix, netlink, packet) have messages of their own.
    if (m.family() != address_family::ipv4 && m.family() != address_family::ipv6) continue;
    out.context = i.context;
    out.line = ++i.message_number;
    out.parsed = nullptr;
    // The reader's memory is that of one packet: who keeps the record keeps its bytes.
    auto bytes = std::make_shared<std::vector<std::byte>>();
    if (n.foreign) {
      out.m = turn_kernel_message(m, i.context->layout, *bytes);
    } else {
      bytes->assign(n.payload.begin(), n.payload.end());
      (void)message::from(*bytes, out.m);
    }
    out.held = std::move(bytes);
    out.is_metadata = false;
    out.has_message = true;
    out.time = n.has_time ? timestamp::from_unix_nanoseconds(n.time_ns) : timestamp{};
    out.poll = no_poll;
    out.ended = {};
    out.carried = 0;
    return true;
  }
  return false;
}

bool input_reader::next(input_record& out) {
  if (!impl_->open || stopped_) return false;
  return impl_->capture ? next_message(out) : next_line(out);
}

bool input_reader::next_line(input_record& out) {
  impl& i = *impl_;
  while (i.open && !stopped_) {
    bool more = false;
    const std::error_code ec = i.archive.next(i.parsed, more);
    if (ec) {
      i.any_line = true;
      i.damaged = true;
      if (!more) i.open = false;
      // Where the file or gzip around it ends in the middle, that is why.
      const bool cut = ec == errc::truncated_frame || ec == errc::unterminated_line;
      if (cut && !i.current().fault_below().empty()) continue;
      tell(i.archive.line_number(),
           describe_fault(ec, i.archive.window_needed(), i.archive.dictionary_needed(),
                          options_.max_window_log));
      continue;
    }
    if (!more) {
      i.open = false;
      const bool nothing = !i.any_line && i.archive.line_number() == 0;
      if (nothing && i.current().fault_below().empty()) tell(1, "empty: no record at all");
      tell_below();
      return false;
    }
    i.any_line = true;
    if (i.parsed.has_metadata()) {
      metadata said;
      if (i.parsed.get_metadata(said)) {
        auto context = std::make_shared<input_context>(*i.context);
        take_metadata(said, *context);
        i.context = std::move(context);
        i.damaged = false;
      }
    }
    out.line = i.archive.line_number();
    out.parsed = &i.parsed;
    out.has_message = i.parsed.has_idm();
    out.is_metadata = i.parsed.has_metadata();
    i.take_message(out);
    if (i.damaged && out.has_message) {
      const info_layout believed = i.context->layout;
      i.check_context(out.m.cookie());
      if (i.context->layout != believed) i.take_message(out);
    }
    if (out.context != i.context) out.context = i.context;
    out.time = i.parsed.time();
    out.poll = i.parsed.poll();
    out.ended = i.parsed.ended();
    out.carried = i.parsed.carried();
    return true;
  }
  return false;
}

std::uint64_t input_reader::bytes_read() const noexcept { return impl_->file.bytes_read(); }
const std::string& input_reader::file() const noexcept { return impl_->context->file; }
const std::string& input_reader::name() const noexcept { return impl_->name; }
bool input_reader::is_capture() const noexcept { return impl_->capture; }

}  // namespace tcpinfo::offline
