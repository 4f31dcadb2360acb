// SPDX-License-Identifier: Apache-2.0
//
// What the tools read: archives, captures and bare netlink messages, from files, directories and
// standard input, in whatever condition. One form for all: an input_record.
#ifndef TCPINFO_OFFLINE_INPUTS_H
#define TCPINFO_OFFLINE_INPUTS_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::offline {

/// The name of standard input on the command line, and in messages.
inline constexpr std::string_view stdin_path = "-";

/// Something lost or unreadable. The views are valid during the call only.
struct input_fault {
  std::string_view file;   ///< as it was named, or found in a directory; "-" is standard input
  std::uint64_t line = 0;  ///< from 1; 0 where the file as a whole is meant
  std::string_view what;
};

/// Hears of faults, at once and in the order of the input.
/// @return false to stop reading (--strict): the reader then behaves as at the end of all.
using fault_callback = std::function<bool(const input_fault&)>;

/// "file:line: what", without the line where there is none: what a fault prints on stderr.
[[nodiscard]] std::string to_string(const input_fault& f);

/// A file or folder, before it is opened. Valid during the call only.
struct walk_entry {
  const std::string& path;  ///< as it is opened
  std::string_view name;    ///< the last part of it
  bool is_folder = false;
  /// When it was last written to, since 1970 UTC; of a link, its target. Asks the file system: for
  /// tens of thousands of files that takes longer than to list them. nullopt where it cannot tell.
  const std::function<std::optional<std::int64_t>()>& modified_ns;
};

/// Which files of a directory are taken. A file that is named itself is taken whatever its name.
struct walk_options {
  bool captures = false;  ///< also .pcap, and .zst that is no .jsonl.zst
  /// Whether to look into it, decided by what is known without opening it. Asked for each folder
  /// and for each file that would be taken. Absent: all of them.
  std::function<bool(const walk_entry&)> wants = {};
};

/// Lists files one at a time: those named, and those in directories named, recursively and in the
/// order of their names (bytes). Holds no more than the names in the directories it stands in.
/// Taken are .jsonl and .jsonl.zst, also with .part behind. Links to directories are not followed
/// inside a directory.
class input_walk {
 public:
  /// No path at all means standard input.
  input_walk(std::vector<std::string> paths, walk_options options, fault_callback on_fault);

  /// The next file, "-" for standard input. @return false at the end.
  [[nodiscard]] bool next(std::string& path);

 private:
  struct level;
  void enter(const std::string& directory);
  [[nodiscard]] bool wants(const std::string& path, bool is_folder, int directory,
                           const std::string& name) const;
  void tell(const std::string& path, int error);

  std::vector<std::string> paths_;
  walk_options options_;
  fault_callback on_fault_;
  std::size_t at_ = 0;
  std::vector<std::shared_ptr<level>> levels_;
  bool stopped_ = false;
};

/// Where a record's UUID comes from.
enum class uuid_source : std::uint8_t {
  metadata,   ///< the file says it
  file_name,  ///< <uuid>.<sequence>.jsonl…, or the file's name without its endings
  cookie,     ///< 16 hex digits: there is neither
};

/// What holds for a run of records: what the latest metadata record said, or else the file's name.
/// Never changes once made; shared by the records it holds for.
struct input_context {
  std::string file;
  std::string uuid;  ///< empty with uuid_source::cookie, where each record has its own
  uuid_source source = uuid_source::cookie;
  std::optional<std::uint64_t> sequence;
  timestamp start_time;  ///< the zero time where unknown
  timestamp opened;      ///< the same
  std::string host;
  std::string kernel;
  std::string run;
  std::string interval;
  std::string netns;     ///< empty: the recorder's own
  bool partial = false;  ///< the file's name says that it is not complete
  /// Of the kernel that made the records.
  info_layout layout = info_layout::unknown;

  /// Names whoever counted the polls: a run polls each network namespace by itself.
  [[nodiscard]] std::string poller() const { return run + '\0' + netns; }
};

/// The names of parts of a message (record_extras::carried), with `between` between them.
[[nodiscard]] std::string part_names(std::uint32_t parts, char between);
/// Room for all of them.
inline constexpr std::size_t max_part_names_size = 512;

/// Words for faults that commands find.
inline constexpr std::string_view nothing_said = "neither a message nor metadata";
inline constexpr std::string_view cut_in_a_field = "an attribute ends inside a field";

/// One record, of whatever kind of input. Reuse it: what it refers to stays in place from one
/// next() to the next where nothing changed.
struct input_record {
  std::shared_ptr<const input_context> context;
  std::uint64_t line = 0;  ///< from 1; of a capture, the number of the message
  /// The parsed line, null for captures. The reader's, until its next next(); it may be swapped
  /// for another record (std::swap) by who wants to keep it, views stay valid then.
  record* parsed = nullptr;
  bool is_metadata = false;
  bool has_message = false;  ///< a metadata record has none
  message m;                 ///< valid as long as *parsed, or the reader for captures
  /// Holds m's bytes where they had to be turned into this machine's order; null elsewhere.
  std::shared_ptr<const std::vector<std::byte>> turned;
  timestamp time;  ///< the zero time where unknown
  std::uint64_t poll = no_poll;
  timestamp ended;            ///< of a final record, where it is not `time`; else the zero time
  std::uint32_t carried = 0;  ///< as record_extras::carried

  /// Whether it is neither metadata nor a record of a socket, but has a time.
  [[nodiscard]] bool says_nothing() const noexcept { return !has_message && !is_metadata; }
  /// The connection's UUID; the view is valid as long as this object is not changed.
  [[nodiscard]] std::string_view uuid() const;
  /// What its connection is kept by: the UUID, and behind it the cookie where a file's name is
  /// nobody's UUID and may hold many connections. Needs a context.
  [[nodiscard]] std::string connection_key() const;

 private:
  mutable char cookie_text_[16] = {};
};

/// The largest zstd window read unless more is allowed, as a power of two: 32 MiB. A window of 128
/// MiB, which zstd itself takes, would by itself break the promise of 64 MiB a worker.
inline constexpr std::int32_t usual_window_log = 25;
/// The largest that zstd can be told to take: 2 GiB, or 1 GiB with 32-bit addresses.
inline constexpr std::int32_t largest_window_log = sizeof(void*) > 4 ? 31 : 30;

struct reader_options {
  bool captures = false;  ///< also take captures and bare netlink messages
  std::size_t max_line = archive_reader_options{}.max_line;
  std::int32_t max_window_log = usual_window_log;
};

/// Reads one input after the other; its buffers are used again. One thread at a time; several
/// readers may work side by side.
class input_reader {
 public:
  explicit input_reader(fault_callback on_fault, reader_options options = {});
  ~input_reader();
  input_reader(const input_reader&) = delete;
  input_reader& operator=(const input_reader&) = delete;

  /// Opens a file, or standard input for "-". What is wrong is a fault like any other.
  /// @return false where there is nothing to read.
  bool open(const std::string& path);

  /// The next record, metadata records among them. Faults on the way go to the callback.
  /// @return false at the end.
  [[nodiscard]] bool next(input_record& out);

  /// Faults so far, over all inputs: whether anything was lost.
  [[nodiscard]] std::uint64_t faults() const noexcept { return faults_; }
  /// The callback asked to stop.
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }

  // Of the input open at present.
  [[nodiscard]] std::uint64_t bytes_read() const noexcept;  ///< as stored
  [[nodiscard]] bool is_zstd() const noexcept;
  [[nodiscard]] bool is_capture() const noexcept;

 private:
  struct impl;
  void fault(std::uint64_t line, std::string_view what);
  [[nodiscard]] std::string describe(const std::error_code& ec, std::uint64_t window) const;

  std::unique_ptr<impl> impl_;
  fault_callback on_fault_;
  reader_options options_;
  std::uint64_t faults_ = 0;
  bool stopped_ = false;
};

}  // namespace tcpinfo::offline

#endif
