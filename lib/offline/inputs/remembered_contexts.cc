// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/remembered_contexts.h"

#include <utility>

namespace tcpinfo::offline {

void remembered_contexts::clear() {
  latest_.clear();
  before_.clear();
}

void remembered_contexts::keep(const std::string& path, const context_pointer& context) {
  if (latest_.size() == most) {
    before_ = std::move(latest_);
    latest_.clear();
  }
  latest_.insert_or_assign(path, context);
}

context_pointer remembered_contexts::find(const std::string& path) {
  if (const auto it = latest_.find(path); it != latest_.end()) return it->second;
  const auto it = before_.find(path);
  if (it == before_.end()) return nullptr;
  const context_pointer context = it->second;
  keep(path, context);
  return context;
}

}  // namespace tcpinfo::offline
