// SPDX-License-Identifier: Apache-2.0
//
// Reads one input after the other, of whatever kind and in whatever condition.
#ifndef TCPINFO_OFFLINE_INPUTS_READER_H
#define TCPINFO_OFFLINE_INPUTS_READER_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "offline/inputs/fault_log.h"
#include "offline/inputs/parts.h"
#include "offline/inputs/record.h"
#include "offline/inputs/sources/byte_source.h"
#include "offline/inputs/window_limit.h"

namespace tcpinfo::offline {

struct reader_options {
  bool captures = false;  ///< also take captures and bare netlink messages
  /// Bytes. No line a collector writes comes near it: the kernel's messages are of 32 KiB at most.
  /// Longer ones would cost the memory that is promised not to be used.
  std::size_t max_line = std::size_t{1} << 20;
  std::int32_t max_window_log = usual_window_log;
  bool all_faults = false;  ///< tell each of many faults of a kind
  /// Give the metadata record of an archive in a segment again where it goes on.
  bool repeats_metadata = false;
};

/// Reads one input after the other; its buffers are used again. One thread at a time; several
/// readers may work side by side.
class input_reader {
 public:
  explicit input_reader(fault_callback on_fault, reader_options options = {});
  ~input_reader();
  input_reader(const input_reader&) = delete;
  input_reader& operator=(const input_reader&) = delete;

  /// Opens a file, or standard input for "-". What is wrong is a fault like any other; but that
  /// blocks of a segment on standard input do not follow one another is none.
  /// @return false where there is nothing to read.
  [[nodiscard]] bool open(const std::string& path);
  /// Opens a part of a file. That records of a segment are in none of its ranges is no damage.
  [[nodiscard]] bool open(const input_part& part);
  /// The same of what a source hands over, which must outlive the reading; no tar. `path`: what it
  /// is of, as faults call it. `within`: a part of a segment that is not its first: that records
  /// before it are missing is no damage.
  [[nodiscard]] bool open(byte_source& from, const std::string& path, bool within = false);
  /// After that: the next part of the same file, where it has several (members of a tar), each with
  /// records of its own. Read a part to its end before, or leave it.
  /// @return false after the last one: all faults of the file have been told then.
  [[nodiscard]] bool open_next();

  /// The next record, metadata records among them. Faults on the way go to the callback.
  /// @return false at the end.
  [[nodiscard]] bool next(input_record& out);

  /// Tells of a fault that a command has found in the input open at present. @return whether to go
  /// on.
  bool tell(std::uint64_t line, std::string_view what) { return faults_.tell(line, what); }

  /// Faults so far, told or not, over all inputs: whether anything was lost.
  [[nodiscard]] std::uint64_t faults() const noexcept { return faults_.count(); }
  /// The callback asked to stop.
  [[nodiscard]] bool stopped() const noexcept { return faults_.stopped(); }

  // Of the input open at present.
  [[nodiscard]] std::uint64_t bytes_read() const noexcept;  ///< as stored
  /// As faults call it: the path, of a member of a tar "path:member".
  [[nodiscard]] const std::string& file() const noexcept { return faults_.file(); }
  /// Its path, or the member's: what tells the connection where the content does not.
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] bool is_capture() const noexcept;

 private:
  struct impl;

  fault_log faults_;
  std::unique_ptr<impl> impl_;  // refers to faults_
};

}  // namespace tcpinfo::offline

#endif
