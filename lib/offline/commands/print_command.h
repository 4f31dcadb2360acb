// SPDX-License-Identifier: Apache-2.0
//
// Snapshots to a person or a program: from files (tcpinfo-dump FILE…) and from the kernel
// (tcpinfo-dump live) alike.
#ifndef TCPINFO_OFFLINE_COMMANDS_PRINT_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_PRINT_COMMAND_H

#include <tcpinfo/parse.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "offline/text/output.h"
#include "offline/text/snapshot_text.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {

enum class snapshot_format : std::uint8_t { text, json };

struct snapshot_print_options {
  snapshot_format format = snapshot_format::text;
  bool changes = false;  ///< only what changed since the connection's previous snapshot
  time_style time = time_style::utc;
  bool colour = false;
  text_options text;
};

/// What is said of a snapshot beside its message.
struct snapshot_label {
  std::string_view uuid;  ///< empty: not told
  std::optional<std::uint64_t> sequence;
  timestamp time;  ///< the zero time: not told
  std::uint64_t poll = no_poll;
  timestamp opened;           ///< in JSON; the zero time: not told
  timestamp ended;            ///< the zero time: not told
  std::uint32_t carried = 0;  ///< as record_extras::carried
  std::uint32_t thinned = 0;  ///< as record_extras::thinned
};

/// Prints snapshots one after the other. Keeps, for --changes, the last message of every
/// connection.
class snapshot_printer {
 public:
  explicit snapshot_printer(snapshot_print_options options);

  /// Appends to `to`; with --changes perhaps nothing.
  /// @return false where an attribute ends inside a field, of which a part is lost.
  bool print(std::string& to, const snapshot_label& label, const message& m, info_layout layout);
  /// For --changes: forgets a connection, of which this was the last snapshot.
  void forget(const snapshot_label& label, const message& m);
  /// For --changes, after all that there is: forgets the connections that were not printed since
  /// the last time.
  void forget_others();

 private:
  [[nodiscard]] static std::string key_of(const snapshot_label& label, const message& m);
  struct kept {
    std::vector<std::byte> bytes;
    info_layout layout = info_layout::unknown;
    bool seen = true;
  };
  void print_text(std::string& to, const snapshot_label& label);
  void print_json(std::string& to, const snapshot_label& label);
  void append_label(std::string& to, const snapshot_label& label) const;

  snapshot_print_options options_;
  snapshot decoded_;
  snapshot before_;
  snapshot_text text_;
  snapshot_text text_before_;
  row_writer row_;
  std::unordered_map<std::string, kept> previous_;
  std::vector<char> cells_;
};

}  // namespace tcpinfo::offline

#endif
