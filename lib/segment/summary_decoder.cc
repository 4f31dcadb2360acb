// SPDX-License-Identifier: Apache-2.0
#include "segment/summary_decoder.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <new>

#include <tcpinfo/error.h>

#include "segment/block_decoder.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

// Calls `each` with the row of each set bit. False where one is behind the last row.
template <class F>
bool for_each_row(bytes_view bits, std::size_t rows, F&& each) {
  for (std::size_t i = 0; i < bits.size(); ++i)
    for (auto left = std::to_integer<unsigned>(bits[i]); left != 0; left &= left - 1) {
      const std::size_t row = 8 * i + static_cast<unsigned>(std::countr_zero(left));
      if (row >= rows) return false;
      each(row);
    }
  return true;
}

}  // namespace

std::error_code summary_decoder::open(bytes_view block) noexcept {
  close();
  const block_head head = read_head(block);
  if (head.version != version || head.features != 0) return errc::unknown_feature;
  try {
    if (read(block, head.records)) {
      at_ = 0;
      return {};
    }
  } catch (const std::bad_alloc&) {
    close();
    return errc::out_of_memory;
  } catch (...) {
  }
  close();
  return errc::bad_block;
}

bool summary_decoder::read(bytes_view block, std::uint32_t summaries) {
  read_streams streams;
  if (summaries > max_summaries || !find_streams(block, streams) ||
      !archives_.read(streams, summaries))
    return false;
  summaries_.clear();
  std::uint32_t number = 0;
  for (const archive_entry& e : archives_.entries()) {
    // There is no record that the archive could start with.
    if (e.has(starts_with_first)) return false;
    summaries_.insert(summaries_.end(), e.records, summary{.archive = number});
    ++number;
  }
  return read_fields(streams) && read_values(of(streams, stream::values).size()) &&
         read_rtts(of(streams, stream::rtts)) &&
         read_controls(of(streams, stream::congestion_controls));
}

// Which summary has how many values.
bool summary_decoder::read_fields(const read_streams& streams) {
  columns_.clear();
  const bytes_view fields = of(streams, stream::fields);
  if (fields.empty()) return true;
  taker in(fields);
  taker bits(of(streams, stream::bits));
  taker values(of(streams, stream::values));
  columns_.resize(in.varint(max_fields));
  std::uint64_t lowest = 0;
  for (column& c : columns_) {
    const std::uint64_t field = in.varint(std::numeric_limits<std::uint32_t>::max());
    const auto mode =
        static_cast<column_mode>(in.varint(static_cast<std::uint64_t>(column_mode::some)));
    c.values = taker(values.bytes(in.varint()));
    c.all = mode == column_mode::all;
    if (!c.all && mode != column_mode::some) return false;
    if (!c.all) c.present = bits.bytes((summaries_.size() + 7) / 8);
    if (!in.ok() || !bits.ok() || !values.ok() || field < lowest) return false;
    c.field = static_cast<std::uint32_t>(field);
    lowest = field + 1;
    if (c.all)
      for (summary& s : summaries_) ++s.values;
    else if (!for_each_row(c.present, summaries_.size(),
                           [this](std::size_t row) { ++summaries_[row].values; }))
      return false;
  }
  return in.ok();
}

// `bytes`: of all values, of which each has one at least.
bool summary_decoder::read_values(std::size_t bytes) {
  std::size_t total = 0;
  for (summary& s : summaries_) {
    if (s.values > max_summary_values) return false;
    const std::uint32_t count = s.values;
    s.values = static_cast<std::uint32_t>(total);
    total += count;
    if (total > std::min(max_values, bytes)) return false;
  }
  values_.resize(total);
  for (column& c : columns_) {
    // Copies, which stay in registers.
    taker in = c.values;
    std::uint64_t value = 0;
    const std::uint32_t field = c.field;
    summary_value* const to = values_.data();
    summary* const of = summaries_.data();
    const std::size_t rows = summaries_.size();
    const auto take = [&](std::size_t row) {
      value += in.unfolded();
      to[of[row].values++] = {field, 0, value};
    };
    if (c.all)
      for (std::size_t row = 0; row < rows; ++row) take(row);
    else
      (void)for_each_row(c.present, rows, take);
    if (!in.ok()) return false;
  }
  columns_.clear();  // they look into the block
  return true;
}

bool summary_decoder::read_rtts(bytes_view stream) {
  rtts_.clear();
  if (stream.empty()) return true;
  taker in(stream);
  for (summary& s : summaries_) {
    const std::uint64_t count = in.varint(max_summary_buckets);
    std::uint64_t before = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
      const std::uint64_t distance = in.varint(most);
      const std::uint64_t lowest = before + distance;
      const std::uint64_t highest = lowest + in.varint(most);
      const std::uint64_t records = in.varint();
      if (!in.ok() || (i > 0 && distance == 0) || highest > most || records == 0 ||
          rtts_.size() == max_buckets)
        return false;
      rtts_.push_back(
          {static_cast<std::uint32_t>(lowest), static_cast<std::uint32_t>(highest), records});
      before = highest;
    }
    s.rtts = static_cast<std::uint32_t>(rtts_.size());
  }
  return in.ok();
}

bool summary_decoder::read_controls(bytes_view stream) {
  controls_.clear();
  if (stream.empty()) return true;
  control_bytes_.assign(stream.begin(), stream.end());
  taker in(control_bytes_);
  const std::uint64_t count = in.varint(max_texts);
  taker sizes = in;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) (void)in.varint(max_text);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const bytes_view name = in.bytes(sizes.varint());
    controls_.emplace_back(reinterpret_cast<const char*>(name.data()), name.size());
  }
  for (summary& s : summaries_) s.control = static_cast<std::uint32_t>(in.varint(controls_.size()));
  return in.ok();
}

bool summary_decoder::next(segment_summary& out) {
  if (at_ == summaries_.size()) return false;
  const summary& s = summaries_[at_];
  const std::size_t first_value = at_ == 0 ? 0 : summaries_[at_ - 1].values;
  const std::size_t first_rtt = at_ == 0 ? 0 : summaries_[at_ - 1].rtts;
  ++at_;
  (void)archives_.choose(s.archive, {});
  out.values = std::span(values_).subspan(first_value, s.values - first_value);
  out.rtts = std::span(rtts_).subspan(first_rtt, s.rtts - first_rtt);
  out.congestion_control = s.control == 0 ? std::string_view() : controls_[s.control - 1];
  return true;
}

}  // namespace tcpinfo::inline v0::segment_format
