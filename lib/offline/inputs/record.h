// SPDX-License-Identifier: Apache-2.0
//
// One form for the records of every input.
#ifndef TCPINFO_OFFLINE_INPUTS_RECORD_H
#define TCPINFO_OFFLINE_INPUTS_RECORD_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/inputs/input_context.h"

namespace tcpinfo::offline {

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
  context_pointer context;
  std::uint64_t line =
      0;  ///< from 1; the number of the message in a capture, of the record in a segment
  /// The parsed line, null for captures and for what a segment holds as a message. The reader's,
  /// until its next next(); it may be swapped for another record (std::swap) by who wants to keep
  /// it, views stay valid then.
  record* parsed = nullptr;
  bool of_capture = false;  ///< a message of a capture: views are into that
  bool is_metadata = false;
  /// Of a segment: the first record of an archive since another's. `goes_on`: earlier ones of it,
  /// its metadata record among them, stand before, here or in the segment before this one.
  bool begins_archive = false;
  bool goes_on = false;
  bool has_message = false;  ///< a metadata record has none
  /// Valid as long as *parsed or `held`; where there is neither, until the reader's next next(), of
  /// a capture until its next input.
  message m;
  /// Holds m's bytes where it is of a capture, or had to be turned into this machine's order; null
  /// elsewhere.
  std::shared_ptr<const std::vector<std::byte>> held;
  timestamp time;  ///< the zero time where unknown
  std::uint64_t poll = no_poll;
  timestamp ended;            ///< of a final record, where it is not `time`; else the zero time
  std::uint32_t carried = 0;  ///< as record_extras::carried
  std::uint32_t thinned = 0;  ///< as record_extras::thinned

  /// What it says beside the message and its time.
  [[nodiscard]] record_extras extras() const noexcept {
    record_extras all;
    all.poll = poll;
    all.ended = ended;
    all.carried = carried;
    all.thinned = thinned;
    return all;
  }
  void take_extras(const record_extras& all) noexcept {
    poll = all.poll;
    ended = all.ended;
    carried = all.carried;
    thinned = all.thinned;
  }
  /// When what it tells of was so, in ns since 1970: at the end, where that is known, else when it
  /// was asked. nullopt where neither is known, or before 1970: of no recording. So differences of
  /// two have 64 bits.
  [[nodiscard]] std::optional<std::int64_t> moment_ns() const noexcept;
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
