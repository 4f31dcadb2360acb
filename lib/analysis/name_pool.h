// SPDX-License-Identifier: Apache-2.0
//
// Texts that many connections share, kept once.
#ifndef TCPINFO_ANALYSIS_NAME_POOL_H
#define TCPINFO_ANALYSIS_NAME_POOL_H

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tcpinfo::analysis {

/// Texts by number. They stay in place.
class name_pool {
 public:
  using id = std::uint32_t;
  static constexpr id none = 0;  ///< of the empty text

  name_pool() : texts_(1) {}
  name_pool(const name_pool&) = delete;
  name_pool& operator=(const name_pool&) = delete;

  /// The same for the same text. Fast for the latest of its length.
  [[nodiscard]] id number(std::string_view text);
  [[nodiscard]] std::string_view text(id of) const noexcept { return texts_[of]; }

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, id> numbers_;  // of texts_
  std::array<id, 8> latest_{};                        // by the last bits of the length
};

}  // namespace tcpinfo::analysis

#endif
