// SPDX-License-Identifier: Apache-2.0
//
// The folders YYYY/MM/DD below the output directory. Anything else there is not ours.
#ifndef TCPINFO_COLLECT_WRITING_DAY_FOLDERS_H
#define TCPINFO_COLLECT_WRITING_DAY_FOLDERS_H

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "collect/os/os.h"

namespace tcpinfo::collect {

struct day_folder {
  std::uint32_t date = 0;  ///< year * 10000 + month * 100 + day
  std::string path;
};

/// The UTC date of a time since 1970, as day_folder::date has it.
[[nodiscard]] std::uint32_t date_of(std::int64_t realtime_ns) noexcept;
/// The folder of a time's UTC date. Throws std::bad_alloc.
[[nodiscard]] std::string day_folder_of(const std::string& output, std::int64_t realtime_ns);
/// Whether a time, since 1970, is of an earlier UTC date than another one.
[[nodiscard]] bool is_of_earlier_day(std::int64_t time_ns, std::int64_t other_ns) noexcept;
/// When that date began, in nanoseconds since 1970.
[[nodiscard]] std::int64_t begin_of(std::uint32_t date) noexcept;

/// All of them, the oldest first. One that goes away meanwhile is no fault.
[[nodiscard]] std::error_code list_day_folders(os& system, const std::string& output,
                                               std::vector<day_folder>& out);

/// The fault of a folder that others may take away: none where it is gone.
[[nodiscard]] std::error_code unless_gone(const std::error_code& ec) noexcept;

}  // namespace tcpinfo::collect

#endif
