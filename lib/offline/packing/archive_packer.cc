// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/archive_packer.h"

#include <tcpinfo/error.h>

#include <bit>
#include <utility>

namespace tcpinfo::offline {
namespace {

// Whether the writer cannot keep that as what it is, so that its line is to be kept as text.
bool is_refusal(const std::error_code& ec) {
  return ec == errc::bad_timestamp || ec == errc::malformed_attribute ||
         ec == errc::message_too_short || ec == errc::invalid_argument ||
         ec == errc::buffer_too_small;
}

}  // namespace

archive_packer::archive_packer(segment_writer& to, std::function<std::error_code()> flush,
                               std::function<std::error_code()> flush_summaries)
    : to_(to), flush_(std::move(flush)), flush_summaries_(std::move(flush_summaries)) {}

void archive_packer::begin(std::string_view path, std::uint64_t lines, std::uint64_t packed) {
  path_ = path;
  archive_ = {};
  archive_.path = path_;
  archive_.goes_on = packed != 0 ? 1 : 0;
  has_about_ = begun_ = other_order_ = false;
  summary_.emplace();
  all_known_ = true;
  is_later_ = packed != 0;
  lines_ = lines;
  at_ = 0;
  // Messages without metadata are of a little-endian machine.
  other_order_ = std::endian::native == std::endian::big;
}

// Whether a segment gives back this metadata as it stands in the line.
bool archive_packer::gives_back(std::string_view line, const metadata& about) {
  const std::size_t most = max_metadata_size(about);
  if (text_.size() < most) text_.resize(most);
  std::size_t size = 0;
  return !encode_metadata(text_, size, about) && std::string_view(text_).substr(0, size) == line;
}

// Looks at a line that may be metadata; parsed_ holds it. @return whether it is the archive's first
// line and need not be kept as text.
bool archive_packer::take_metadata(std::string_view line) {
  metadata about;
  if (!parsed_.get_metadata(about)) return false;
  other_order_ = (about.byte_order == "big") != (std::endian::native == std::endian::big);
  // A segment knows of an archive by its records alone: one that has none is kept as text.
  // Of a machine of the other byte order the messages are kept as text, and this is not: each block
  // says whose order it is.
  if (at_ != 0 || lines_ < 2 || parsed_.has_idm() || !gives_back(line, about)) return false;
  std::swap(first_, parsed_);
  has_about_ = first_.get_metadata(about_);
  return has_about_;
}

// Whether parsed_ is a record that a segment gives back as it stands in the line.
bool archive_packer::is_record(std::string_view line) {
  if (other_order_ || !parsed_.has_idm() || parsed_.has_metadata() || parsed_.unknown_keys() != 0)
    return false;
  message_ = parsed_.view();
  extras_ = extras_of(parsed_);
  const std::size_t most = max_record_size(message_);
  if (text_.size() < most) text_.resize(most);
  std::size_t size = 0;
  return !encoder_.encode(text_, size, parsed_.time(), message_, extras_) &&
         std::string_view(text_).substr(0, size) == line;
}

// Begins the archive in the block, or in the next one where this one is full.
std::error_code archive_packer::begin_in_block() {
  for (bool again = true;; again = false) {
    archive_.about = has_about_ ? &about_ : nullptr;
    const std::error_code ec = to_.begin(archive_, number_);
    begun_ = !ec;
    if (ec != errc::buffer_too_small || !again) return ec;
    if (const std::error_code failed = flush_()) return failed;
  }
}

// Calls `add`, with the archive begun in the block, and once more in the next block where this one
// is full.
template <class Add>
std::error_code archive_packer::put(Add&& add) {
  for (bool again = true;; again = false) {
    if (!begun_) {
      std::error_code ec = begin_in_block();
      // The first line of what goes on is kept where it stands already.
      if (is_refusal(ec) && has_about_ && archive_.goes_on != 0) {
        has_about_ = false;
        ec = begin_in_block();
      }
      if (ec) return ec;
    }
    const std::error_code ec = add();
    if (!ec) archive_.goes_on = 1;
    if (ec != errc::buffer_too_small || !again) return ec;
    begun_ = false;
    if (const std::error_code failed = flush_()) return failed;
  }
}

// Metadata that stands as text speaks of what follows it: the archive does not go on with that of
// its first line.
void archive_packer::forget_metadata() {
  has_about_ = false;
  if (std::exchange(archive_.about, nullptr) != nullptr) begun_ = false;
}

// The latest line was packed. Of what is no message of this machine's order, and of metadata that
// stand as text, a summary cannot tell what readers of the line would be told.
void archive_packer::count_in_summary(bool parsed) {
  if (!parsed || !has_about_ || other_order_ || !parsed_.has_idm())
    all_known_ = false;
  else
    summary_->add(eye_.see(parsed_.view(), parsed_.time(), parsed_.ended(), parsed_.carried()),
                  parsed_.poll());
}

std::error_code archive_packer::summarize() {
  if (!summary_) return {};
  std::error_code ec;
  if (all_known_ && summary_->is_whole()) {
    segment_archive archive = archive_;
    archive.about = &about_;
    archive.goes_on = is_later_ ? 1 : 0;
    const segment_summary made = summary_->save(about_.start_time, room_, names_);
    ec = to_.add_summary(archive, made);
    if (ec == errc::buffer_too_small && !(ec = flush_summaries_()))
      ec = to_.add_summary(archive, made);
    // Readers read the records then.
    if (is_refusal(ec)) ec = {};
  }
  summary_.emplace();
  all_known_ = has_about_;
  is_later_ = true;
  return ec;
}

void archive_packer::skip(std::string_view line) {
  if (!parsed_.parse(line) && parsed_.has_metadata() && !take_metadata(line)) forget_metadata();
  ++at_;
}

std::error_code archive_packer::add(std::string_view line) {
  bool record = false;
  bool other_metadata = false;
  const bool parsed = !parsed_.parse(line);
  if (parsed) {
    other_metadata = parsed_.has_metadata();
    if (take_metadata(line)) {
      const std::error_code ec = begin_in_block();
      if (!ec) ++at_;
      if (!is_refusal(ec)) return ec;
      has_about_ = false;
    } else {
      record = is_record(line);
    }
  }
  std::error_code ec;
  if (record) {
    ec = put([this] { return to_.add(number_, parsed_.time(), message_, extras_); });
    record = !is_refusal(ec);
  }
  if (!record) ec = put([this, line] { return to_.add_line(number_, line); });
  if (ec) return ec;
  if (other_metadata) forget_metadata();
  count_in_summary(parsed && !other_metadata);
  ++at_;
  if (!line.empty()) ++(record ? records_ : text_lines_);
  return {};
}

}  // namespace tcpinfo::offline
