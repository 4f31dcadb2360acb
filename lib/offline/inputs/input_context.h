// SPDX-License-Identifier: Apache-2.0
//
// What holds for a run of records: said by the latest metadata record, or else by the file's name.
#ifndef TCPINFO_OFFLINE_INPUTS_INPUT_CONTEXT_H
#define TCPINFO_OFFLINE_INPUTS_INPUT_CONTEXT_H

#include <tcpinfo/archive.h>
#include <tcpinfo/tcp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace tcpinfo::offline {

/// Where a record's UUID comes from.
enum class uuid_source : std::uint8_t {
  metadata,   ///< the file says it
  file_name,  ///< <uuid>.<sequence>.jsonl…, or the file's name without its endings
  cookie,     ///< 16 hex digits: there is neither
};

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
  std::string netns;        ///< empty: the recorder's own
  std::string owner;        ///< as owner_text() makes it
  bool partial = false;     ///< the file's name says that it is not complete
  bool big_endian = false;  ///< the machine that made the records is
  /// The file is a segment; `archive` is the path that the records' archive has in it, perhaps
  /// none.
  bool in_segment = false;
  std::string archive;
  /// Of the kernel that made the records.
  info_layout layout = info_layout::unknown;

  /// Names whoever counted the polls: a run polls each network namespace by itself.
  [[nodiscard]] std::string poller() const { return run + '\0' + netns; }
};
using context_pointer = std::shared_ptr<const input_context>;

/// Knows nothing but the file, as faults call it: what a capture begins with, which holds many
/// connections and whose name is none's.
[[nodiscard]] context_pointer context_without_uuid(std::string file);
/// What the name at `path` says before a record was read. `file`: as faults call it.
[[nodiscard]] context_pointer context_of_name(const std::string& path, const std::string& file);
/// The same of an archive in a segment, by the path it has there.
[[nodiscard]] context_pointer context_of_archive(const std::string& path, const std::string& file);
/// What holds behind damage in which the metadata record of another archive may have been lost.
[[nodiscard]] context_pointer context_with_doubt(const input_context& before);
/// What holds behind a metadata record.
[[nodiscard]] context_pointer context_of_metadata(const input_context& before,
                                                  const metadata& said);

}  // namespace tcpinfo::offline

#endif
