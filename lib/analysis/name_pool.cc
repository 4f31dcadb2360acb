// SPDX-License-Identifier: Apache-2.0
#include "analysis/name_pool.h"

namespace tcpinfo::analysis {

name_pool::id name_pool::number(std::string_view text) {
  if (text.empty()) return none;
  id& latest = latest_[text.size() % latest_.size()];
  if (text == texts_[latest]) return latest;
  if (const auto it = numbers_.find(text); it != numbers_.end()) return latest = it->second;
  texts_.emplace_back(text);
  latest = static_cast<id>(texts_.size() - 1);
  numbers_.emplace(texts_.back(), latest);
  return latest;
}

}  // namespace tcpinfo::analysis
