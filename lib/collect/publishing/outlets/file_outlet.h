// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_PUBLISHING_OUTLETS_FILE_OUTLET_H
#define TCPINFO_COLLECT_PUBLISHING_OUTLETS_FILE_OUTLET_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "collect/os/os.h"
#include "collect/publishing/outlet.h"

namespace tcpinfo::collect {

/// Copies segments below a folder, under the names that they have below the output directory: to
/// NAME.part, which goes on where a former try has ended, and by renaming. No file of other content
/// is replaced: where one has the name, ~2 goes before the suffix.
class file_outlet final : public segment_outlet {
 public:
  /// `system` outlives it.
  file_outlet(os& system, std::string folder) : system_(system), folder_(std::move(folder)) {}

  [[nodiscard]] send_result send_segment(const whole_segment& segment,
                                         const may_wait& may) override;

 private:
  [[nodiscard]] std::error_code read_ours(const whole_segment& segment, std::uint64_t offset,
                                          std::size_t& n);
  [[nodiscard]] std::error_code choose_name(const whole_segment& segment, std::string& path,
                                            bool& is_there);
  [[nodiscard]] std::error_code compare(const std::string& path, const whole_segment& segment,
                                        std::uint64_t& same, std::uint64_t& size);
  [[nodiscard]] std::error_code copy(const std::string& part, const whole_segment& segment,
                                     const may_wait& may);

  os& system_;
  const std::string folder_;
  std::vector<std::byte> ours_;
  std::vector<std::byte> theirs_;
  bool unreadable_ = false;  // the segment
};

}  // namespace tcpinfo::collect

#endif
