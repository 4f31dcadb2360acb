// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/archive_records.h"

#include <fmt/format.h>

#include <bit>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "offline/inputs/captures/byte_order.h"
#include "offline/inputs/stream_fault.h"

namespace tcpinfo::offline {

archive_records::archive_records(fault_log& faults, std::size_t max_line,
                                 std::int32_t max_window_log)
    : faults_(faults) {
  options_.max_line = max_line;
  options_.max_window_log = max_window_log;
}

bool archive_records::open(content& from, context_pointer context) {
  from_ = &from;
  context_ = std::move(context);
  any_line_ = damaged_ = open_ = false;
  if (const auto ec = from.hand_over(archive_, options_)) {
    faults_.tell(0, ec.message());
    return false;
  }
  if (from.zeros() != 0)
    faults_.tell(1, fmt::format("begins with {} zeros: what was there is lost", from.zeros()));
  open_ = !faults_.stopped();
  return open_;
}

void archive_records::take_metadata() {
  metadata said;
  if (!parsed_.get_metadata(said)) return;
  context_ = context_of_metadata(*context_, said);
  damaged_ = false;
}

// The record's message in this machine's byte order.
void archive_records::take_message(input_record& out) {
  out.m = parsed_.view();
  out.held.reset();
  constexpr bool big_here = std::endian::native == std::endian::big;
  if (!out.has_message || archive_.big_endian() == big_here) return;
  auto turned = std::make_shared<std::vector<std::byte>>();
  out.m = turn_byte_order(out.m, context_->layout, *turned);
  out.held = std::move(turned);
}

// What was damaged may have been the metadata record of the next of several archives, one after the
// other: the UUID of the one before is not that of its records.
void archive_records::doubt_uuid(input_record& out) {
  std::uint64_t cookie = 0;
  if (context_->source != uuid_source::metadata || parse_uuid_cookie(context_->uuid, cookie) ||
      cookie == out.m.cookie())
    return;
  const info_layout believed = context_->layout;
  context_ = context_without_uuid(context_->file);
  if (context_->layout != believed) take_message(out);
}

bool archive_records::next(input_record& out) {
  while (open_ && !faults_.stopped()) {
    bool more = false;
    const std::error_code ec = archive_.next(parsed_, more);
    if (ec) {
      any_line_ = damaged_ = true;
      if (!more) open_ = false;
      // Where the file or the gzip around it was cut, that is told instead.
      const bool cut = ec == errc::truncated_frame || ec == errc::unterminated_line;
      if (cut && !from_->fault_below().empty()) continue;
      faults_.tell(archive_.line_number(),
                   describe_fault(ec, archive_.window_needed(), archive_.dictionary_needed(),
                                  options_.max_window_log));
      continue;
    }
    if (!more) {
      open_ = false;
      const bool nothing = !any_line_ && archive_.line_number() == 0;
      if (nothing && from_->fault_below().empty()) faults_.tell(1, "empty: no record at all");
      faults_.tell_cause(archive_.line_number(), from_->fault_below());
      return false;
    }
    any_line_ = true;
    if (parsed_.has_metadata()) take_metadata();
    out.line = archive_.line_number();
    out.parsed = &parsed_;
    out.has_message = parsed_.has_idm();
    out.is_metadata = parsed_.has_metadata();
    take_message(out);
    if (damaged_ && out.has_message) doubt_uuid(out);
    if (out.context != context_) out.context = context_;
    out.time = parsed_.time();
    out.poll = parsed_.poll();
    out.ended = parsed_.ended();
    out.carried = parsed_.carried();
    return true;
  }
  return false;
}

}  // namespace tcpinfo::offline
