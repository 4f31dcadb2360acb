// SPDX-License-Identifier: Apache-2.0
//
// Names of files that are not complete yet. Those of complete ones are the library's
// (format_archive_path).
#ifndef TCPINFO_COLLECT_WRITING_FILE_NAMES_H
#define TCPINFO_COLLECT_WRITING_FILE_NAMES_H

#include <string_view>

namespace tcpinfo::collect {

/// Behind the name of a file that is being written.
inline constexpr std::string_view part_suffix = ".part";
/// Behind that of a leftover that holds something else than whole frames; it is kept as it was
/// found.
inline constexpr std::string_view damaged_suffix = ".part.damaged";
/// Behind that of the copy in larger frames that will replace a .part file.
inline constexpr std::string_view rewrite_suffix = ".part.new";

}  // namespace tcpinfo::collect

#endif
