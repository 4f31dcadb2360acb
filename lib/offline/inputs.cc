// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tcpinfo/zstd.h>
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <new>
#include <utility>

#include "offline/byte_order.h"
#include "offline/pcap.h"

namespace tcpinfo::offline {
namespace {

std::string message_of(int error) { return std::generic_category().message(error); }

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool take_ending(std::string_view& name, std::string_view ending) {
  if (!name.ends_with(ending)) return false;
  name.remove_suffix(ending.size());
  return true;
}

bool is_archive_name(std::string_view name) {
  take_ending(name, ".part");
  take_ending(name, ".zst");
  return name.ends_with(".jsonl");
}

bool is_wanted(std::string_view name, const walk_options& options) {
  if (is_archive_name(name)) return true;
  return options.captures && (name.ends_with(".pcap") || name.ends_with(".zst"));
}

/// What holds for a file before a record of it was read.
std::shared_ptr<input_context> context_of(const std::string& path) {
  auto context = std::make_shared<input_context>();
  context->file = path;
  if (path == stdin_path) return context;
  archive_name name;
  if (!parse_archive_name(path, name)) {
    context->uuid = name.uuid;
    context->sequence = name.sequence;
    context->partial = name.partial;
  } else {
    std::string_view rest = base_name(path);
    context->partial = take_ending(rest, ".part");
    take_ending(rest, ".zst");
    take_ending(rest, ".jsonl");
    context->uuid = rest;
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

class descriptor {
 public:
  descriptor() = default;
  ~descriptor() { close(); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  void take(int fd, bool owned) {
    close();
    fd_ = fd;
    owned_ = owned;
  }
  void close() {
    if (owned_ && fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
  bool owned_ = false;
};

// As much as a pipe holds: a zstd block decodes as a whole only.
constexpr std::size_t peek_size = std::size_t{64} << 10;
using peek_buffer = std::vector<std::byte>;

/// The next bytes of `fd`, left where they are. What cannot be looked at without taking it away
/// gives none.
bytes_view peek(int fd, peek_buffer& buffer) {
  const off_t at = lseek(fd, 0, SEEK_CUR);
  ssize_t n = 0;
  if (at >= 0) {
    n = pread(fd, buffer.data(), buffer.size(), at);
  } else {
    int copy[2];
    if (pipe2(copy, O_CLOEXEC) != 0) return {};
    n = tee(fd, copy[1], buffer.size(), 0);
    if (n > 0) n = read(copy[0], buffer.data(), buffer.size());
    ::close(copy[0]);
    ::close(copy[1]);
  }
  return {buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
}

bool is_zstd_magic(bytes_view head) {
  if (head.size() < 4) return false;
  const auto magic = wire::load<std::uint32_t>(head.data());
  const std::uint32_t little =
      std::endian::native == std::endian::little ? magic : __builtin_bswap32(magic);
  return little == 0xfd2fb528U || (little & 0xfffffff0U) == 0x184d2a50U;
}

/// Whether content that begins so is a capture or bare netlink messages. Anything that is not
/// clearly one is taken for an archive: its reader says best what is wrong with a line.
bool begins_capture(bytes_view head) {
  if (head.size() < 16) return false;
  const auto first = wire::load<std::uint32_t>(head.data());
  for (const std::uint32_t magic :
       {0xa1b2c3d4U, 0xd4c3b2a1U, 0xa1b23c4dU, 0x4d3cb2a1U, 0x0a0d0d0aU})
    if (first == magic) return true;
  const auto type = wire::load<std::uint16_t>(head.data() + 4);
  const auto begins_message = [](std::uint32_t length, unsigned t) {
    return length >= 16 && length <= 0xffff && (t == 2 || t == 3 || (t >= 18 && t <= 21));
  };
  return begins_message(first, type) ||
         begins_message(__builtin_bswap32(first), __builtin_bswap16(type));
}

/// The beginning of the content behind a zstd `head` of `fd`, as far as it can be had without
/// taking anything away: a block decodes as a whole only, and a pipe shows no more than it holds.
bytes_view decompressed_head(int fd, bytes_view head, peek_buffer& buffer,
                             const stream_options& options) {
  stream_reader in;
  std::size_t n = 0;
  const off_t at = lseek(fd, 0, SEEK_CUR);
  const std::error_code opened = at >= 0 ? in.open_fd(fd, options) : in.open_memory(head, options);
  const std::error_code ec = opened ? opened : in.read(buffer, n);
  if (at >= 0) (void)lseek(fd, at, SEEK_SET);
  return {buffer.data(), ec ? 0 : n};
}

/// Whether a compressed file that is called something else than an archive is a capture: in a
/// directory there may be anything.
bool holds_capture(const std::string& path) {
  descriptor fd;
  fd.take(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), true);
  peek_buffer raw(peek_size);
  peek_buffer content(256);
  return fd.get() >= 0 &&
         begins_capture(decompressed_head(fd.get(), peek(fd.get(), raw), content, {}));
}

}  // namespace

std::string to_string(const input_fault& f) {
  const std::string_view file = f.file == stdin_path ? "(standard input)" : f.file;
  if (f.line == 0) return fmt::format("{}: {}", file, f.what);
  return fmt::format("{}:{}: {}", file, f.line, f.what);
}

std::string_view input_record::uuid() const {
  if (context == nullptr) return {};
  if (context->source != uuid_source::cookie) return context->uuid;
  if (!has_message) return {};
  std::uint64_t cookie = m.cookie();
  for (std::size_t i = sizeof cookie_text_; i-- > 0; cookie >>= 4U)
    cookie_text_[i] = "0123456789ABCDEF"[cookie & 15U];
  return {cookie_text_, sizeof cookie_text_};
}

std::string input_record::connection_key() const {
  std::string key(uuid());
  std::uint64_t named = 0;
  if (has_message && context->source == uuid_source::file_name &&
      (parse_uuid_cookie(key, named) || named != m.cookie()))
    key += fmt::format("_{:016X}", m.cookie());
  return key;
}

// ---- The walk ----

struct input_walk::level {
  explicit level(DIR* d) : dir(d) {}
  ~level() { closedir(dir); }
  level(const level&) = delete;
  level& operator=(const level&) = delete;

  struct entry {
    std::string name;
    unsigned char type;  // DT_REG and the like; DT_UNKNOWN where the file system does not tell
  };
  DIR* dir;          // open, so that files are found without their whole path
  std::string path;  // with a slash behind
  std::vector<entry> entries;
  std::size_t at = 0;
};

input_walk::input_walk(std::vector<std::string> paths, walk_options options,
                       fault_callback on_fault)
    : paths_(std::move(paths)), options_(options), on_fault_(std::move(on_fault)) {
  if (paths_.empty()) paths_.emplace_back(stdin_path);
}

void input_walk::tell(const std::string& path, int error) {
  const std::string what = message_of(error);
  if (!on_fault_({path, 0, what})) stopped_ = true;
}

void input_walk::enter(const std::string& directory) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) {
    tell(directory, errno);
    return;
  }
  auto l = std::make_shared<level>(dir);
  l->path = directory;
  if (l->path.empty() || l->path.back() != '/') l->path += '/';
  errno = 0;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    l->entries.push_back({std::string(name), entry->d_type});
  }
  if (errno != 0) tell(directory, errno);
  std::sort(l->entries.begin(), l->entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  levels_.push_back(std::move(l));
}

// What is known of a file by its name and place, and only where that does not tell, by its times.
bool input_walk::wants(const std::string& path, bool is_folder, int directory,
                       const std::string& name) const {
  if (!options_.wants) return true;
  const std::function<std::optional<std::int64_t>()> modified =
      [&]() -> std::optional<std::int64_t> {
    struct stat st {};
    if (fstatat(directory, name.c_str(), &st, 0) != 0) return std::nullopt;
    return std::int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
  };
  return options_.wants({path, base_name(path), is_folder, modified});
}

bool input_walk::next(std::string& path) {
  while (!stopped_) {
    if (!levels_.empty()) {
      level& l = *levels_.back();
      if (l.at == l.entries.size()) {
        levels_.pop_back();
        continue;
      }
      const auto& [name, type] = l.entries[l.at++];
      std::string full = l.path + name;
      // Most files of a large archive are not wanted: the name alone is enough to tell.
      if (type == DT_REG && (!is_wanted(name, options_) || !wants(full, false, dirfd(l.dir), name)))
        continue;
      struct stat st {};
      if (lstat(full.c_str(), &st) != 0) {
        // One that was being written is complete by now, under its other name.
        const int error = errno;
        std::string_view whole = full;
        if (error != ENOENT || !take_ending(whole, ".part") ||
            lstat(std::string(whole).c_str(), &st) != 0) {
          if (is_wanted(name, options_) || error != ENOENT) tell(full, error);
          continue;
        }
        full.resize(whole.size());
      }
      const bool folder = S_ISDIR(st.st_mode);
      if (!folder) {
        if (!is_wanted(name, options_)) continue;
        if (S_ISLNK(st.st_mode) && stat(full.c_str(), &st) != 0) {
          tell(full, errno);
          continue;
        }
        if (!S_ISREG(st.st_mode)) continue;
      }
      if (type != DT_REG && !wants(full, folder, dirfd(l.dir), name)) continue;
      if (folder) {
        enter(full);
        continue;
      }
      if (name.ends_with(".zst") && !is_archive_name(name) && !holds_capture(full)) continue;
      path = std::move(full);
      return true;
    }
    if (at_ == paths_.size()) return false;
    const std::string& named = paths_[at_++];
    struct stat st {};
    const bool there = named != stdin_path && stat(named.c_str(), &st) == 0;
    if (there && S_ISDIR(st.st_mode)) {
      enter(named);
      continue;
    }
    if (there && S_ISREG(st.st_mode) && !wants(named, false, AT_FDCWD, named)) continue;
    path = named;  // whatever it is: opening it tells
    return true;
  }
  return false;
}

// ---- The reader ----

struct input_reader::impl {
  std::shared_ptr<const input_context> context;
  descriptor fd;
  bool capture = false;
  bool open = false;

  archive_reader archive;
  record parsed;
  bool any_line = false;
  bool damaged = false;  // since the last metadata record

  std::vector<std::byte> bytes;
  capture_reader messages;
  std::uint64_t message_number = 0;
  std::uint64_t capture_faults = 0;
  bool capture_zstd = false;
  std::uint64_t capture_size = 0;
  std::error_code late_fault;  // of the capture's compression, told after its messages
  std::uint64_t late_window = 0;

  void load(int from, const stream_options& options);
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
  out.turned.reset();
  if (!out.has_message || archive.big_endian() == (std::endian::native == std::endian::big)) return;
  auto turned = std::make_shared<std::vector<std::byte>>();
  out.m = turn_byte_order(out.m, context->layout, *turned);
  out.turned = std::move(turned);
}

// All of it: messages refer to each other's place only, but a capture is small where an archive is
// not.
void input_reader::impl::load(int from, const stream_options& options) {
  stream_reader in;
  bytes.clear();
  std::error_code ec = in.open_fd(from, options);
  std::size_t used = 0;
  while (!ec) {
    bytes.resize(used + (std::size_t{1} << 20));
    std::size_t n = 0;
    ec = in.read(std::span(bytes).subspan(used), n);
    used += n;
    if (n == 0) break;
  }
  bytes.resize(used);
  late_fault = ec;
  late_window = in.window_needed();
  capture_zstd = in.is_zstd();
  capture_size = in.compressed_offset();
}

std::string part_names(std::uint32_t parts, char between) {
  std::string names;
  for (std::uint32_t rest = parts; rest != 0; rest &= rest - 1) {
    if (!names.empty()) names += between;
    names += part_name(rest & -rest);
  }
  return names;
}

input_reader::input_reader(fault_callback on_fault, reader_options options)
    : impl_(std::make_unique<impl>()), on_fault_(std::move(on_fault)), options_(options) {}
input_reader::~input_reader() = default;

void input_reader::fault(std::uint64_t line, std::string_view what) {
  ++faults_;
  if (!on_fault_({impl_->context->file, line, what})) stopped_ = true;
}

// A window that is too large is no damage: say what to do.
std::string input_reader::describe(const std::error_code& ec, std::uint64_t window) const {
  if (ec != errc::window_too_large) return ec.message();
  constexpr double mib = 1 << 20;
  const std::uint64_t allowed = std::uint64_t{1} << options_.max_window_log;
  const std::string more =
      fmt::format("zstd frame needs a window of {:.4g} MiB, more than {:.4g}",
                  static_cast<double>(window) / mib, static_cast<double>(allowed) / mib);
  if (window > std::uint64_t{1} << largest_window_log) return more + " MiB";
  const std::uint64_t enough = std::bit_ceil(window);
  return fmt::format("{} MiB; --max-window {}MiB allows it", more, enough >> 20U);
}

bool input_reader::open(const std::string& path) {
  impl& i = *impl_;
  i.open = false;
  i.capture = false;
  i.any_line = i.damaged = false;
  if (stopped_) return false;
  i.context = context_of(path);
  if (path == stdin_path) {
    i.fd.take(STDIN_FILENO, false);
  } else {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    // It was being written when it was found, and is complete by now.
    std::string_view whole = path;
    if (fd < 0 && errno == ENOENT && take_ending(whole, ".part")) {
      const std::string complete(whole);
      fd = ::open(complete.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd >= 0) i.context = context_of(complete);
    }
    if (fd < 0) {
      fault(0, message_of(errno));
      return false;
    }
    i.fd.take(fd, true);
  }
  stream_options stream;
  stream.max_window_log = options_.max_window_log;
  if (options_.captures) {
    peek_buffer raw(peek_size);
    bytes_view head = peek(i.fd.get(), raw);
    peek_buffer content(256);
    if (is_zstd_magic(head) && !is_archive_name(path)) {
      bytes_view begin = decompressed_head(i.fd.get(), head, content, stream);
      // Of a pipe, what its writer has still to write; for as long as it does.
      for (int tries = 0; begin.empty() && tries < 100 && head.size() < peek_size; ++tries) {
        usleep(10'000);
        head = peek(i.fd.get(), raw);
        begin = decompressed_head(i.fd.get(), head, content, stream);
      }
      head = begin;
    }
    i.capture = begins_capture(head);
  }
  if (!i.capture) {
    archive_reader_options o;
    o.max_line = options_.max_line;
    o.max_window_log = options_.max_window_log;
    if (const auto ec = i.archive.open_fd(i.fd.get(), o)) {
      fault(0, ec.message());
      return false;
    }
    i.open = true;
    return true;
  }
  try {
    i.load(i.fd.get(), stream);
  } catch (const std::bad_alloc&) {
    fault(0, "too large to be read into memory");
    return false;
  }
  // A capture holds many connections: its name is none's.
  auto context = std::make_shared<input_context>();
  context->file = path;
  i.context = std::move(context);
  i.message_number = 0;
  i.capture_faults = 0;
  if (const auto ec = i.messages.open(i.bytes)) {
    fault(0, i.late_fault ? describe(i.late_fault, i.late_window) : ec.message());
    return false;
  }
  i.open = true;
  return true;
}

bool input_reader::next(input_record& out) {
  impl& i = *impl_;
  while (i.open && !stopped_ && i.capture) {
    netlink_message n;
    const bool more = i.messages.next(n);
    if (const std::uint64_t now = i.messages.faults(); now != i.capture_faults) {
      const std::uint64_t others = now - i.capture_faults - 1;
      i.capture_faults = now;
      fault(0, fmt::format("at byte {}: {}{}", i.messages.latest_offset(),
                           i.messages.latest_error().message(),
                           others == 0 ? "" : fmt::format(" (and {} faults before it)", others)));
    }
    if (!more) {
      if (i.late_fault) fault(0, describe(i.late_fault, i.late_window));
      i.open = false;
      return false;
    }
    if (stopped_) return false;
    if (n.kind != message_kind::response) continue;
    message m;
    if (message::from(n.payload, m)) continue;  // a short one is a fault already
    // Other families of sock_diag (unix, netlink, packet) have messages of their own.
    if (m.family() != address_family::ipv4 && m.family() != address_family::ipv6) continue;
    out.context = i.context;
    out.line = ++i.message_number;
    out.parsed = nullptr;
    out.turned.reset();
    if (n.foreign) {
      auto bytes = std::make_shared<std::vector<std::byte>>();
      m = turn_kernel_message(m, i.context->layout, *bytes);
      out.turned = std::move(bytes);
    }
    out.is_metadata = false;
    out.has_message = true;
    out.m = m;
    out.time = n.has_time ? timestamp::from_unix_nanoseconds(n.time_ns) : timestamp{};
    out.poll = no_poll;
    out.ended = {};
    out.carried = 0;
    return true;
  }
  while (i.open && !stopped_) {
    bool more = false;
    const std::error_code ec = i.archive.next(i.parsed, more);
    if (ec) {
      i.any_line = true;
      i.damaged = true;
      fault(i.archive.line_number(), describe(ec, i.archive.window_needed()));
      if (!more) i.open = false;
      continue;
    }
    if (!more) {
      i.open = false;
      if (!i.any_line && i.archive.line_number() == 0) fault(1, "empty: no record at all");
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

std::uint64_t input_reader::bytes_read() const noexcept {
  return impl_->capture ? impl_->capture_size : impl_->archive.compressed_offset();
}
bool input_reader::is_zstd() const noexcept {
  return impl_->capture ? impl_->capture_zstd : impl_->archive.is_zstd();
}
bool input_reader::is_capture() const noexcept { return impl_->capture; }

}  // namespace tcpinfo::offline
