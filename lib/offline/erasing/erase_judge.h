// SPDX-License-Identifier: Apache-2.0
//
// Whose a line of an archive is, and whether it is of the networks that are erased.
#ifndef TCPINFO_OFFLINE_ERASING_ERASE_JUDGE_H
#define TCPINFO_OFFLINE_ERASING_ERASE_JUDGE_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "offline/erasing/carried_contexts.h"
#include "offline/inputs/record.h"
#include "offline/inputs/remembered_contexts.h"
#include "offline/packing/path_key.h"

namespace tcpinfo::offline {

/// What is known of a line.
struct judged {
  path_key owner;            ///< of the connection
  bool owned = false;        ///< whether there is an owner: a line alone may have none
  bool in_networks = false;  ///< one of its ends is in the networks
  bool message = false;      ///< it is a record of a message
  bool unread = false;       ///< it does not say whose it is: neither a record nor metadata
};

/// Connections, by their keys.
using connection_set = std::unordered_set<path_key, path_key_hash>;

/// Judges the lines of one file after the other, in their order. Connections are told apart as all
/// tools tell them apart: by UUIDs, and by cookies where there is none. Memory is that of a few
/// thousand UUIDs. One thread at a time.
class erase_judge {
 public:
  /// All must outlive it. `carried`: of all segments that are read.
  erase_judge(const std::vector<ip_prefix>& networks, const path_keys& keys,
              carried_contexts& carried);

  /// What follows is of the file at this path.
  void begin_file(const std::string& path);
  /// Of a segment: what follows is of the archive at this path in it. `about`: its metadata, may be
  /// null.
  void begin_archive(const std::string& path, const metadata* about, bool goes_on);
  /// From here on, to the end of the file, something may be missing: perhaps the metadata record of
  /// another connection. A message whose cookie is not that of the UUID is of its cookie's then.
  void meet_damage() {
    damaged_ = met_damage_ = true;
    carried_.meet_damage(file_);
  }

  /// A line, its end included or not.
  [[nodiscard]] judged line(std::string_view text);
  [[nodiscard]] judged message_of(const message& m);
  /// The metadata of begin_archive().
  [[nodiscard]] judged about();

  /// Of whom the file or archive is before a line of it was read.
  [[nodiscard]] judged by_name();

 private:
  [[nodiscard]] judged owner();
  [[nodiscard]] bool is_doubtful(const message& m) const;
  [[nodiscard]] bool contains(const ip_address& a) const;

  const std::vector<ip_prefix>& networks_;
  const path_keys& keys_;
  carried_contexts& carried_;
  std::string file_;
  std::string path_;  // of the archive in a segment; else of the file
  input_record at_;   // its context, and the message that is judged
  remembered_contexts remembered_;
  bool at_begin_ = false;    // no line of the file or archive was judged
  bool met_damage_ = false;  // in the file
  bool damaged_ = false;     // in the archive
  record parsed_;
  // The owner found last, and of what.
  const input_context* known_context_ = nullptr;
  std::uint64_t known_cookie_ = 0;
  bool known_message_ = false;
  judged known_;
  judged latest_;  // the owner of the line before
};

}  // namespace tcpinfo::offline

#endif
