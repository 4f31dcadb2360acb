// SPDX-License-Identifier: Apache-2.0
//
// The archives that unpack makes, until all of them are written.
#ifndef TCPINFO_OFFLINE_PACKING_STAGED_ARCHIVES_H
#define TCPINFO_OFFLINE_PACKING_STAGED_ARCHIVES_H

#include <tcpinfo/zstd.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/descriptor.h"
#include "offline/packing/folders.h"

namespace tcpinfo::offline {

/// Writes the lines of any number of archives, in any order, into files of a folder of its own
/// within the output folder. At the end they are moved to where they belong: so that at any moment
/// before there is none of them, and none is half there. What has gathered of them takes some 32
/// MiB of memory; which archives there are, their files alone say.
class staged_archives {
 public:
  enum class start : std::uint8_t {
    done,
    beginning_missing,  ///< it goes on, and nothing of it was here before
    twice,              ///< one of that path is here already
    unsafe,             ///< the path may not be followed
    failed,             ///< errno says why
  };

  explicit staged_archives(const output_folder& folder);

  /// Removes what an earlier run left, and begins. @return an errno.
  [[nodiscard]] int open();
  /// The next lines are of this archive. @param partial its segment is not complete
  [[nodiscard]] start begin(const std::string& path, bool goes_on, bool partial);
  /// Lines of an archive that was begun are missing: it is kept as one of which the segment is not
  /// complete.
  void leave_partial(const std::string& path);
  /// A line. @return an errno.
  [[nodiscard]] int add(std::string_view line);

  struct calls {
    /// An archive that has its place now, or had it before.
    std::function<void(const std::string& path, bool was_there)> placed;
    /// One that has not, or a folder of them.
    std::function<void(const std::string& path, std::string_view what)> refused;
  };
  /// Moves all of them to their places and makes it durable. @return an errno.
  /// @param partial_too those of segments that are not complete get their names, too; else .part
  /// stays behind them
  [[nodiscard]] int finish(bool partial_too, const calls& told);
  /// Removes what is not in its place. @return an errno.
  int discard();

 private:
  struct waiting {
    std::string text;
    bool partial = false;
  };
  [[nodiscard]] int write(const std::string& path, waiting& w);
  [[nodiscard]] int write_all();
  void place(int staged, const std::string& path, bool partial_too, const calls& told);
  void place_file(int staged, const std::string& name, const std::string& path, int target,
                  bool partial_too, const calls& told);

  const output_folder& folder_;
  descriptor stage_;
  descriptor open_folder_;  // in the stage, of the file that was written last
  std::string open_path_;
  std::unordered_map<std::string, waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::string current_;
  waiting* to_ = nullptr;
  frame_writer frames_;
  std::vector<std::byte> frame_;
};

}  // namespace tcpinfo::offline

#endif
