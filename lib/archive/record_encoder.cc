// SPDX-License-Identifier: Apache-2.0
//
// The lines of one connection differ in few places. So the last line is kept, with the place of
// each payload's text in it: where the next message has attributes of the same types and lengths,
// only the payloads that differ are written anew.
#include <algorithm>
#include <new>
#include <utility>

#include <tcpinfo/archive.h>

#include "archive/data_line.h"
#include "common/decimal.h"

namespace tcpinfo::inline v0 {
namespace {

constexpr std::size_t max_message = 2048;
constexpr std::size_t max_attributes = 48;
// Of base64, with quotes, commas and a null for every type that is not there, up to 63.
constexpr std::size_t max_text = max_message / 3 * 4 + 8 * max_attributes + 5 * 64 + 256;
// 2019-08-26T19:55:42
constexpr std::size_t seconds_size = 19;

}  // namespace

struct [[gnu::visibility("hidden")]] record_encoder::impl {
  struct attribute_header {
    std::uint32_t at;     // in the message
    std::uint32_t bytes;  // length and type, as they stand there
  };
  struct piece {
    std::uint32_t at;  // of a payload in the message
    std::uint32_t size;
    std::uint32_t text_at;  // in `text`
  };

  std::size_t message_size = 0;  // 0: there is no last line
  std::size_t header_count = 0;
  std::size_t piece_count = 0;
  std::size_t text_size = 0;
  encode_notes notes;
  timestamp time;             // of what is in time_text
  std::size_t time_size = 0;  // 0: nothing
  attribute_header headers[max_attributes];
  piece pieces[max_attributes + 1];  // inet_diag_msg is the first
  std::byte message[max_message];
  char text[max_text];  // from RawIDM to the end of Attributes
  char time_text[max_timestamp_size];

  [[nodiscard]] bool has_shape_of(const tcpinfo::message& m) const noexcept;
  void take(const tcpinfo::message& m) noexcept;
  void renew(const tcpinfo::message& m) noexcept;
  [[nodiscard]] bool set_time(const timestamp& t) noexcept;
};

bool record_encoder::impl::has_shape_of(const tcpinfo::message& m) const noexcept {
  if (m.bytes.size() != message_size) return false;
  std::uint32_t different = 0;
  for (std::size_t i = 0; i < header_count; ++i)
    different |= wire::load<std::uint32_t>(m.bytes.data() + headers[i].at) ^ headers[i].bytes;
  return different == 0;
}

// Makes and remembers the line of a message that differs in its shape from the last one. Two kinds
// are not remembered: a message with a malformed attribute, because in another message of the same
// size the bytes behind that could be good attributes; and one with MD5SIG, because keys are never
// kept.
void record_encoder::impl::take(const tcpinfo::message& m) noexcept {
  message_size = 0;
  if (m.bytes.size() > max_message) return;
  header_count = 0;
  const attribute_range all = m.attributes();
  auto it = all.begin();
  for (; it != all.end(); ++it) {
    if (header_count == max_attributes || it->type >= sorted_attributes::table_size ||
        it->is(attribute_type::md5sig))
      return;
    const auto at = static_cast<std::uint32_t>(it->payload.data() - m.bytes.data()) -
                    static_cast<std::uint32_t>(wire::attribute_header_size);
    headers[header_count++] = {at, wire::load<std::uint32_t>(m.bytes.data() + at)};
  }
  if (!it.remainder().empty()) return;
  const sorted_attributes attributes(m);
  piece_count = 0;
  char* to = write(text, idm_key);
  pieces[piece_count++] = {0, wire::inet_diag_msg_size, static_cast<std::uint32_t>(to - text)};
  to = base64::encode(m.bytes.data(), wire::inet_diag_msg_size, to);
  *to++ = '"';
  to = write(to, attributes_key);
  to = attributes.write_elements(to, [&](bytes_view payload, char* at) {
    pieces[piece_count++] = {static_cast<std::uint32_t>(payload.data() - m.bytes.data()),
                             static_cast<std::uint32_t>(payload.size()),
                             static_cast<std::uint32_t>(at - text)};
  });
  to[-1] = ']';
  text_size = static_cast<std::size_t>(to - text);
  notes = {};
  attributes.note(notes);
  std::memcpy(message, m.bytes.data(), m.bytes.size());
  message_size = m.bytes.size();
}

void record_encoder::impl::renew(const tcpinfo::message& m) noexcept {
  for (std::size_t i = 0; i < piece_count; ++i) {
    const piece& p = pieces[i];
    const std::byte* const from = m.bytes.data() + p.at;
    if (std::memcmp(from, message + p.at, p.size) == 0) continue;
    std::memcpy(message + p.at, from, p.size);
    (void)base64::encode(from, p.size, text + p.text_at);
  }
}

// False where it cannot be written.
bool record_encoder::impl::set_time(const timestamp& t) noexcept {
  const bool same_second = time_size > 0 && t.seconds == time.seconds &&
                           t.utc_offset_seconds == 0 && time.utc_offset_seconds == 0 &&
                           t.nanoseconds <= 999'999'999;
  if (!same_second) {
    time_size = format_timestamp(t, time_text);
    time = t;
    return time_size > 0;
  }
  if (t.nanoseconds == time.nanoseconds) return true;
  char* to = write_fraction(time_text + seconds_size, t.nanoseconds);
  *to++ = 'Z';
  time_size = static_cast<std::size_t>(to - time_text);
  time = t;
  return true;
}

record_encoder::~record_encoder() { delete impl_; }
record_encoder::record_encoder(record_encoder&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}
record_encoder& record_encoder::operator=(record_encoder&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code record_encoder::encode(std::span<char> out, std::size_t& written,
                                       const timestamp& time, const message& m,
                                       const record_extras& given, encode_notes* notes) noexcept {
  written = 0;
  record_extras extras;
  if (const std::error_code ec = read_known(given, extras)) return ec;
  if (m.bytes.size() < wire::inet_diag_msg_size) return errc::message_too_short;
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return encode_record(out, written, time, m, extras, notes);
  impl& last = *impl_;
  if (last.has_shape_of(m))
    last.renew(m);
  else
    last.take(m);
  if (last.message_size == 0) return encode_record(out, written, time, m, extras, notes);
  if (!last.set_time(time)) return errc::bad_timestamp;
  const std::size_t most =
      time_key.size() + last.time_size + 2 + last.text_size + max_extras_size + line_end.size();
  if (most > out.size()) return encode_record(out, written, time, m, extras, notes);
  char* to = write(out.data(), time_key);
  *to++ = '"';
  to = write(to, {last.time_text, last.time_size});
  *to++ = '"';
  to = write(to, {last.text, last.text_size});
  to = write_extras(to, extras);
  if (to == nullptr) return errc::bad_timestamp;
  to = write(to, line_end);
  written = static_cast<std::size_t>(to - out.data());
  if (notes != nullptr) {
    encode_notes all = known_part(*notes);
    all.duplicates += last.notes.duplicates;
    all.secrets += last.notes.secrets;
    all.unread_bytes += last.notes.unread_bytes;
    fill_known(*notes, all);
  }
  return {};
}

}  // namespace tcpinfo::inline v0
