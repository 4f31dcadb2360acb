// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/captures/bare_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace tcpinfo::offline {
namespace {

constexpr std::size_t first_size = std::size_t{64} << 10;
// The kernel fills 32 KiB at most; more than this is no message.
constexpr std::size_t max_message = std::size_t{1} << 20;

}  // namespace

void bare_messages::open(byte_source& from) {
  from_ = &from;
  buffer_.resize(first_size);
  begin_ = end_ = 0;
  offset_ = 0;
  ended_ = false;
}

// Reads until `size` bytes are here, from begin_ on, or the input ends.
bool bare_messages::have(std::size_t size) {
  while (end_ - begin_ < size && !ended_) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
    const std::size_t n = from_->read(std::span(buffer_).subspan(end_));
    end_ += n;
    ended_ = n == 0;
  }
  return end_ - begin_ >= size;
}

capture_step bare_messages::next(netlink_message& out, std::string& what) {
  if (!have(1)) return capture_step::end;
  const auto fail = [&](std::string_view why) {
    what = fmt::format("at byte {}: {}", offset_, why);
    return capture_step::fault;
  };
  constexpr std::string_view cut = "ends inside a message";
  const bool header = have(netlink_header_size);
  const message_start start =
      header ? start_of_message(buffer_.data() + begin_, max_message) : message_start{};
  const bool whole = header && is_plausible_length(start.length, max_message) && have(start.length);
  if (!whole) {
    const bool bad = header && !is_plausible_length(start.length, max_message);
    // Why the input ended is told as that.
    const bool below = !bad && !from_->fault().empty();
    begin_ = end_;  // nothing tells where the next message begins
    ended_ = true;
    if (below) return capture_step::end;
    return fail(bad ? bad_message_length : cut);
  }
  // With what fills it up to the next; it may be missing at the end.
  (void)have(wire::align4(start.length));
  const std::size_t step = std::min<std::size_t>(wire::align4(start.length), end_ - begin_);
  const bytes_view message(buffer_.data() + begin_, start.length);
  const std::string_view wrong = parse_message(message, start, out);
  out.has_time = false;
  if (!wrong.empty()) (void)fail(wrong);
  begin_ += step;
  offset_ += step;
  return wrong.empty() ? capture_step::message : capture_step::fault;
}

}  // namespace tcpinfo::offline
