// SPDX-License-Identifier: Apache-2.0
#include "segment/column_reader.h"

#include "segment/planes.h"

namespace tcpinfo::inline v0::segment_format {

void column_reader::open(const block_tables& tables) {
  columns_ = tables.of(stream::columns);
  deltas_ = tables.of(stream::deltas);
  highest_mode_ = tables.highest_mode();
  joined_.clear();
  (void)joined_.room(deltas_.left());
}

bool column_reader::next(std::uint32_t rows, written_differences& out) noexcept {
  out = {};
  // Of a slot that no message has nothing is written but that nothing changed.
  const std::uint64_t written = columns_.varint(rows == 0 ? 0 : highest_mode_);
  out.mode = static_cast<column_mode>(written & ~in_planes);
  out.planes = (written & in_planes) != 0;
  if (out.mode == column_mode::none) return columns_.ok() && !out.planes;
  out.bytes = deltas_.bytes(columns_.varint());
  const bool tells_changes =
      out.mode == column_mode::few || (out.planes && out.mode == column_mode::some);
  out.changes = tells_changes ? columns_.varint(rows) : rows;
  return columns_.ok() && deltas_.ok();
}

bool column_reader::join(written_differences& one) noexcept {
  if (!one.planes) return true;
  std::byte* const to = joined_.data() + joined_.size();
  if (!join_planes(one.bytes, one.changes, to)) return false;
  joined_.end_at(to + one.bytes.size());
  one.bytes = {to, one.bytes.size()};
  return true;
}

}  // namespace tcpinfo::inline v0::segment_format
