// SPDX-License-Identifier: Apache-2.0
//
// A snapshot in the wording and order people know from `ss -tinmoe`, and after that every other
// field that has something to say.
#ifndef TCPINFO_OFFLINE_TEXT_SNAPSHOT_TEXT_H
#define TCPINFO_OFFLINE_TEXT_SNAPSHOT_TEXT_H

#include <tcpinfo/parse.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::offline {

/// One thing said of a connection.
struct text_token {
  std::string name;  ///< what it is about: unique in a snapshot
  std::string text;  ///< as printed
  /// What is compared for --changes: mostly `text`; empty where a change is no news (an age).
  std::string key;
};

/// The parts of a block, a line each.
struct snapshot_text {
  std::vector<text_token> socket;  ///< state, queues, ends, then timer, uid, inode, …
  std::vector<text_token> info;    ///< skmem and what ss says of tcp_info
  std::vector<text_token> others;  ///< what ss does not say
};

struct text_options {
  bool zeros = false;  ///< also the fields that are 0, which ss leaves out
  /// Name of an interface; the number where there is none (offline numbers are another machine's).
  std::function<std::string(std::uint32_t)> interface_name;
};

/// Replaces `out`.
void describe(const snapshot& s, const text_options& options, snapshot_text& out);

/// Appends the block: socket line, then the others behind a tab.
void append_block(std::string& to, const snapshot_text& t, bool colour);

/// Appends what `now` says and `before` did not, and, with a minus sign, what is no longer said.
/// @return false where there is no difference; nothing is appended then.
bool append_changes(std::string& to, const snapshot_text& before, const snapshot_text& now,
                    bool colour);

}  // namespace tcpinfo::offline

#endif
