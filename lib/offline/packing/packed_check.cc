// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/packed_check.h"

#include <system_error>

#include "offline/packing/folders.h"

namespace tcpinfo::offline {

packed_check::packed_check(const pack_inputs& inputs, const path_keys& keys, pack_table& table,
                           std::int32_t max_window_log)
    : inputs_(inputs),
      keys_(keys),
      table_(table),
      segment_(max_window_log),
      file_(max_window_log) {}

void packed_check::begin(const segment_line& line) {
  path_ = line.path;
  entry_ = nullptr;
  open_ = same_ = false;
  if (!is_safe_path(path_)) return;
  const path_key key = keys_(path_);
  auto known = table_.find(key);
  if (known == table_.end()) {
    const std::size_t input = inputs_.find(path_);
    if (input == inputs_.size()) return;
    known = table_.emplace(key, pack_entry{.input = static_cast<std::uint32_t>(input)}).first;
  }
  entry_ = &known->second;
  const bool had_beginning =
      entry_->state == pack_state::beginning || entry_->state == pack_state::whole;
  // Without its beginning, or a second time, it is not what the file is.
  if (line.goes_on ? !had_beginning : entry_->state != pack_state::unknown) {
    entry_->state = pack_state::other;
    return;
  }
  // What is wrong with the file is told when it is packed.
  open_ = file_.open(inputs_.file_of(entry_->input, path_), [](auto, auto) {});
  same_ = open_;
  // What was compared before was another file's.
  if (line.goes_on && open_ && file_.identity() != entry_->identity) entry_->changed = true;
  std::string_view passed;
  for (std::uint64_t i = 0; same_ && i < entry_->lines; ++i) same_ = file_.next(passed);
}

void packed_check::compare(std::string_view text) {
  // What keeps an archive without a line.
  if (text.empty()) return;
  std::string_view line;
  if (same_ && file_.next(line) && line == text)
    ++entry_->lines;
  else
    same_ = false;
}

void packed_check::leave(const calls& told) {
  if (entry_ == nullptr) return;
  if (entry_->state != pack_state::other) {
    // By the count of its lines: that the next one cannot be read is not the end of the file.
    std::string_view more;
    entry_->state = !same_                          ? pack_state::other
                    : entry_->lines < file_.lines() ? pack_state::beginning
                    : file_.next(more)              ? pack_state::other
                                                    : pack_state::whole;
    entry_->damaged = open_ && file_.damaged();
    entry_->identity = open_ ? file_.identity() : 0;
  }
  told.compared(path_, *entry_);
  entry_ = nullptr;
  file_.close();
}

void packed_check::read(int fd, const calls& told) {
  if (const std::error_code ec = segment_.open(fd)) {
    told.fault(0, ec.message());
    return;
  }
  segment_line line;
  for (bool more = true;;) {
    const std::error_code ec = segment_.next(line, more);
    if (!more && !ec) break;
    if (ec) {
      told.fault(segment_.reader().record_number(), segment_.describe(ec));
      // Lines may be missing here. Where they are the archive's it shows in what follows, or its
      // file has more lines.
      leave(told);
      if (!more) break;
      continue;
    }
    if (line.begins) {
      // An archive that goes on in the next block is compared on.
      if (entry_ == nullptr || !line.goes_on || line.path != path_) {
        leave(told);
        begin(line);
      }
    }
    if (entry_ != nullptr) compare(line.text);
  }
  leave(told);
}

}  // namespace tcpinfo::offline
