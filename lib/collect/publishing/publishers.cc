// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/publishers.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "collect/publishing/make_outlet.h"
#include "collect/writing/segment_name.h"

namespace tcpinfo::collect {

std::string publishers::add(const publish_url& url, connection_rows_maker make_rows) {
  std::string why;
  std::unique_ptr<connection_rows> rows;
  if (url.what == publish_what::connections) {
    if (make_rows == nullptr) return "this program makes no rows";
    rows = make_rows();
  }
  auto to = make_outlet(system_, url, why);
  if (to == nullptr) return why;
  publish_counts& counts = counts_.emplace_back(url.name);
  targets_.push_back(
      std::make_unique<publisher>(system_, output_, url, std::move(to), counts, std::move(rows)));
  return {};
}

std::error_code publishers::open(std::string& path) {
  for (const auto& target : targets_) {
    path = target->cursor_path();
    if (const auto ec = target->open()) return ec;
  }
  return {};
}

std::error_code publishers::start() {
  for (const auto& target : targets_)
    if (const auto ec = target->start()) return ec;
  return {};
}

void publishers::finish() noexcept {
  for (const auto& target : targets_) target->tell_end();
  for (const auto& target : targets_) target->finish();
}

bool publishers::is_unsent(const std::string& path) const {
  const std::size_t stroke = path.rfind('/');
  parsed_segment_name name;
  if (!parse_segment_name(std::string_view(path).substr(stroke + 1), name)) return false;
  const stream_key key{std::string(name.stem), name.writer};
  return !std::all_of(targets_.begin(), targets_.end(),
                      [&](const auto& target) { return target->has(key, name.number); });
}

}  // namespace tcpinfo::collect
