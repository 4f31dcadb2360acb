// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/archive_records.h"

#include <fmt/format.h>

#include <bit>
#include <memory>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "offline/inputs/captures/byte_order.h"
#include "offline/inputs/fault.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/stream_fault.h"

namespace tcpinfo::offline {
namespace {

// What a line alone can be at fault with, also one that a segment keeps as text.
bool is_of_line(const std::error_code& ec) {
  return ec == errc::bad_json || ec == errc::bad_timestamp || ec == errc::bad_raw_idm ||
         ec == errc::bad_base64 || ec == errc::malformed_attribute || ec == errc::line_too_long ||
         ec == errc::unterminated_line;
}

}  // namespace

archive_records::archive_records(fault_log& faults, std::size_t max_line,
                                 std::int32_t max_window_log)
    : faults_(faults) {
  options_.max_line = max_line;
  options_.max_window_log = max_window_log;
}

bool archive_records::open(content& from, const std::string& name, bool segment) {
  from_ = &from;
  const name_parts parts = name == stdin_path ? name_parts() : take_apart(base_name(name));
  is_segment_ = segment || parts.segment;
  partial_ = parts.partial;
  context_ =
      is_segment_ ? context_without_uuid(faults_.file()) : context_of_name(name, faults_.file());
  any_line_ = damaged_ = open_ = begins_ = goes_on_ = false;
  damage_.clear();
  remembered_.clear();
  if (is_segment_) faults_.number_records();
  if (const auto ec = from.hand_over(records_, options_)) {
    faults_.tell(0, ec.message());
    return false;
  }
  if (from.zeros() != 0)
    faults_.tell(is_segment_ ? 0 : 1,
                 fmt::format("begins with {} zeros: what was there is lost", from.zeros()));
  open_ = !faults_.stopped();
  return open_;
}

void archive_records::take_fault(const std::error_code& ec) {
  any_line_ = damaged_ = true;
  // Where the file or the gzip around it was cut, that is told instead.
  const bool cut = ec == errc::truncated_frame || ec == errc::unterminated_line;
  if (cut && !from_->fault_below().empty()) return;
  std::string what = describe_fault(ec, records_.window_needed(), records_.dictionary_needed(),
                                    options_.max_window_log);
  if (!is_segment() || (is_of_line(ec) && records_.is_segment())) {
    faults_.tell(records_.line_number(), what);
    return;
  }
  // A block has a checksum of its own: records of one that does not fit are not given.
  if (ec == errc::wrong_checksum) what = "wrong checksum of a zstd frame";
  // Before its first block the reader takes a segment for lines.
  const bool block = ec == errc::bad_block || is_of_line(ec);
  damage_.meet(records_.is_segment() ? records_.line_number() : 0, records_.missing_records(), ec,
               block ? std::string() : std::move(what));
}

// Of a segment: another archive than the one before. What was known of that does not hold.
void archive_records::begin_archive() {
  path_ = records_.path();
  begins_ = true;
  damaged_ = false;
  goes_on_ = records_.goes_on();
  // Of one that goes on without a metadata record, it was text.
  context_ = goes_on_ && !path_.empty() ? remembered_.find(path_) : nullptr;
  if (context_ == nullptr) context_ = context_of_archive(path_, faults_.file());
}

void archive_records::take_metadata() {
  metadata said;
  if (!parsed_.get_metadata(said)) return;
  context_ = context_of_metadata(*context_, said);
  damaged_ = false;
  if (records_.is_segment() && !records_.line().empty() && !path_.empty())
    remembered_.keep(path_, context_);
}

// The record's message in this machine's byte order.
void archive_records::take_message(input_record& out) {
  out.m = out.parsed != nullptr ? parsed_.view() : as_is_.m;
  out.held.reset();
  constexpr bool big_here = std::endian::native == std::endian::big;
  if (!out.has_message || context_->big_endian == big_here) return;
  // Who gives the record again gives it in its own order.
  if (out.parsed == nullptr) {
    if (parsed_.assign(as_is_.time, as_is_.m, extras_of(as_is_))) throw std::bad_alloc();
    out.parsed = &parsed_;
  }
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
  const context_pointer believed = context_;
  context_ = context_with_doubt(*believed);
  if (context_->layout != believed->layout || context_->big_endian != believed->big_endian)
    take_message(out);
}

void archive_records::end() {
  open_ = false;
  if (is_segment())
    damage_.end(partial_, records_.line_number(), records_.missing_records(), faults_);
  const bool nothing = !any_line_ && records_.line_number() == 0;
  // Of a segment that is being written nothing may be there yet.
  const bool yet = is_segment() && partial_;
  if (nothing && !yet && from_->fault_below().empty())
    faults_.tell(is_segment() ? 0 : 1, "empty: no record at all");
  faults_.tell_cause(records_.line_number(), from_->fault_below());
}

bool archive_records::next(input_record& out) {
  while (open_ && !faults_.stopped()) {
    bool more = false;
    const std::error_code ec = records_.next(parsed_, as_is_, more);
    const bool in_segment = records_.is_segment();
    if (in_segment) {
      faults_.number_records();
      if (more)
        damage_.settle(records_.line_number(), records_.missing_records(), ec && !is_of_line(ec),
                       faults_);
      if (records_.begins_archive()) begin_archive();
    }
    if (ec) {
      take_fault(ec);
      if (more) continue;
    }
    if (!more) {
      end();
      return false;
    }
    any_line_ = true;
    const bool is_message = !as_is_.m.bytes.empty();
    out.is_metadata = !is_message && parsed_.has_metadata();
    if (out.is_metadata) take_metadata();
    const bool made = in_segment && out.is_metadata && records_.line().empty();
    if (made && records_.goes_on() && !repeats_metadata_) continue;  // it was given before
    out.line = records_.line_number();
    out.parsed = is_message ? nullptr : &parsed_;
    out.of_capture = false;
    out.has_message = is_message || parsed_.has_idm();
    out.begins_archive = std::exchange(begins_, false);
    out.goes_on = out.begins_archive && goes_on_;
    take_message(out);
    if (damaged_ && out.has_message) doubt_uuid(out);
    if (out.context != context_) out.context = context_;
    out.time = is_message ? as_is_.time : parsed_.time();
    out.take_extras(is_message ? extras_of(as_is_) : extras_of(parsed_));
    return true;
  }
  return false;
}

}  // namespace tcpinfo::offline
