// SPDX-License-Identifier: Apache-2.0
//
// One form for all that is read: an input_record, and what holds for a run of them.
#ifndef TCPINFO_OFFLINE_INPUTS_RECORD_H
#define TCPINFO_OFFLINE_INPUTS_RECORD_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::offline {

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
  message m;                 ///< valid as long as *parsed or `held`
  /// Holds m's bytes where it is of a capture, or had to be turned into this machine's order; null
  /// elsewhere.
  std::shared_ptr<const std::vector<std::byte>> held;
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

}  // namespace tcpinfo::offline

#endif
