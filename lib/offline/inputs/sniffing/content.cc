// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sniffing/content.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <system_error>

namespace tcpinfo::offline {
namespace {

constexpr std::string_view twice = "compressed twice: unpack it once";
constexpr std::string_view no_zlib =
    "compressed by gzip, which this build does not read (it lacks zlib): unpack it with gzip -d";
constexpr std::string_view nothing_but_zeros =
    "nothing but zeros: its content was lost, as when the power fails";

}  // namespace

content_kind content::look(head_source& in) {
  std::size_t known = 0;
  for (;;) {
    const bytes_view head = in.head(known + 1);
    const bool ended = head.size() == known || head.size() == head_source::capacity;
    const content_kind kind = kind_of_content(head, ended, why_unread_);
    if (kind != content_kind::undecided) return kind;
    known = head.size();
  }
}

content_kind content::open(byte_source& from) {
  why_unread_ = {};
  zeros_ = 0;
  begun_size_ = 0;
  stream_damaged_ = false;
  raw_.open(from);
  below_ = &raw_;
  content_kind kind = look(raw_);
  packed_ = kind == content_kind::gzip || kind == content_kind::zstd;
  const auto refuse = [this](std::string_view why) {
    why_unread_ = why;
    return content_kind::unread;
  };
  if (kind == content_kind::gzip) {
    if (!reads_gzip()) return refuse(no_zlib);
    if (!gzip_) gzip_ = std::make_unique<gzip_source>();
    gzip_->open(raw_);
    unzipped_.open(*gzip_);
    below_ = &unzipped_;
    kind = look(unzipped_);
    if (kind == content_kind::gzip) return refuse(twice);
  }
  switch (kind) {
    case content_kind::pcap:
    case content_kind::netlink:
    case content_kind::tar:
      bytes_ = below_;
      return kind;
    case content_kind::unread:
      return kind;
    default:
      break;
  }
  kind = look_into_stream();
  if (kind == content_kind::zeros) {
    pass_zeros();
    if (begun_size_ == 0) return refuse(nothing_but_zeros);
    return content_kind::archive;
  }
  if (kind == content_kind::zstd || kind == content_kind::gzip) return refuse(twice);
  if (kind == content_kind::pcap || kind == content_kind::netlink || kind == content_kind::tar) {
    rest_.open(stream_, head(), *below_, max_window_log_);
    bytes_ = &rest_;
  } else if (kind != content_kind::unread && kind != content_kind::segment) {
    kind = content_kind::archive;
  }
  return kind;
}

// The stream's faults stay with it: whoever reads on hears of them.
bool content::read_on() {
  std::size_t n = 0;
  const auto room = std::span(begun_.get(), begun_capacity).subspan(begun_size_);
  const std::error_code ec = stream_.read(room, n);
  begun_size_ += n;
  stream_damaged_ = stream_damaged_ || ec || stream_.from_damaged_frame();
  // Of a damaged frame nothing is mixed with what others hold.
  stream_ended_ = ec || n == 0 || stream_.from_damaged_frame();
  return n > 0;
}

content_kind content::look_into_stream() {
  stream_options options;
  options.max_window_log = max_window_log_;
  if (const std::error_code ec = stream_.open_callback(&read_source, below_, options))
    throw std::system_error(ec);
  if (!begun_) begun_ = std::make_unique_for_overwrite<std::byte[]>(begun_capacity);
  stream_ended_ = false;
  for (;;) {
    const bool ended = stream_ended_ || begun_size_ == begun_capacity;
    const content_kind kind = kind_of_content(head(), ended, why_unread_);
    if (kind != content_kind::undecided) return kind;
    (void)read_on();
  }
}

void content::pass_zeros() {
  for (;;) {
    const bytes_view here = head();
    const auto first = static_cast<std::size_t>(
        std::find_if(here.begin(), here.end(), [](std::byte b) { return b != std::byte{}; }) -
        here.begin());
    zeros_ += first;
    begun_size_ -= first;
    std::memmove(begun_.get(), begun_.get() + first, begun_size_);
    if (begun_size_ != 0 || stream_ended_ || !read_on()) return;
  }
}

bool content::is_zeros() const noexcept { return why_unread_ == nothing_but_zeros; }

bool content::stays_packed() const noexcept {
  return why_unread_ == twice || why_unread_ == no_zlib;
}

bool content::shows_record() {
  for (;;) {
    if (looks_like_ours(head())) return true;
    if (stream_ended_ || begun_size_ == begun_capacity) return false;
    (void)read_on();
  }
}

std::error_code content::hand_over(record_reader& to, const archive_reader_options& options) {
  return to.open_stream(stream_, head(), options);
}

}  // namespace tcpinfo::offline
