// SPDX-License-Identifier: Apache-2.0
//
// From a message, a metadata struct or a parsed record to a line. Every function works out the
// exact size first, so that writing needs no further checks.
#include <array>

#include <tcpinfo/archive.h>

#include "archive/data_line.h"
#include "archive/record_impl.h"
#include "common/decimal.h"

namespace tcpinfo::inline v0 {
namespace {

// `elements` is what write_elements writes; its last comma makes room for the bracket.
std::size_t data_record_size(std::size_t time, std::size_t elements, std::size_t extras) noexcept {
  return time_key.size() + time + 2 + idm_key.size() + idm_text_size + 1 + attributes_key.size() +
         elements + extras + line_end.size();
}

}  // namespace

std::size_t max_record_size(const message& m) noexcept {
  if (m.bytes.size() < wire::inet_diag_msg_size) return 0;
  return data_record_size(max_timestamp_size, sorted_attributes(m).size(), max_extras_size);
}

std::error_code encode_record(std::span<char> out, std::size_t& written, const timestamp& time,
                              const message& m, const record_extras& given,
                              encode_notes* notes) noexcept {
  written = 0;
  if (m.bytes.size() < wire::inet_diag_msg_size) return errc::message_too_short;
  record_extras extras;
  if (const std::error_code ec = read_known(given, extras)) return ec;
  std::array<char, max_timestamp_size> time_text;
  const std::size_t time_size = format_timestamp(time, time_text);
  std::array<char, max_extras_size> extras_text;
  const char* const extras_end = write_extras(extras_text.data(), extras);
  if (time_size == 0 || extras_end == nullptr) return errc::bad_timestamp;
  const std::string_view more(extras_text.data(),
                              static_cast<std::size_t>(extras_end - extras_text.data()));
  const sorted_attributes attributes(m);
  const std::size_t size = data_record_size(time_size, attributes.size(), more.size());
  if (size > out.size()) return errc::buffer_too_small;

  char* to = write(out.data(), time_key);
  *to++ = '"';
  to = write(to, {time_text.data(), time_size});
  *to++ = '"';
  to = write(to, idm_key);
  to = base64::encode(m.bytes.data(), wire::inet_diag_msg_size, to);
  *to++ = '"';
  to = write(to, attributes_key);
  to = attributes.write_elements(to, [](bytes_view, char*) {});
  to[-1] = ']';
  to = write(to, more);
  to = write(to, line_end);
  written = static_cast<std::size_t>(to - out.data());
  if (notes != nullptr) attributes.note(*notes);
  return {};
}

// ---------------------------------------------------------------------------------------------

namespace {

std::array<std::string_view, optional_names.size()> optional_texts(
    const metadata& m, std::string_view opened) noexcept {
  return {m.host, m.kernel, m.collector, m.interval, m.run, m.netns, m.byte_order,
          opened, m.policy, m.cgroup,    m.owner,    m.pid, m.comm,  m.executable};
}

constexpr std::string_view metadata_start =
    "{\"Timestamp\":\"0001-01-01T00:00:00Z\",\"Metadata\":{\"UUID\":";
constexpr std::string_view sequence_key = ",\"Sequence\":";
constexpr std::string_view start_time_key = ",\"StartTime\":\"";

// The largest name with quotes, comma and colon.
constexpr std::size_t max_key_size = 16;

}  // namespace

std::size_t max_metadata_size(const metadata& given) noexcept {
  const metadata m = known_part(given);
  std::size_t size = metadata_start.size() + max_escaped_size(m.uuid.size()) + sequence_key.size() +
                     max_decimal_size + start_time_key.size() + max_timestamp_size + 2 +
                     max_key_size + max_escaped_size(max_timestamp_size) + line_end.size();
  for (const std::string_view text : optional_texts(m, {}))
    if (!text.empty()) size += max_key_size + max_escaped_size(text.size());
  return size;
}

std::error_code encode_metadata(std::span<char> out, std::size_t& written,
                                const metadata& given) noexcept {
  written = 0;
  metadata m;
  if (const std::error_code ec = read_known(given, m)) return ec;
  // One line for each file: asking for the bound instead of the exact size is no loss.
  if (out.size() < max_metadata_size(m)) return errc::buffer_too_small;
  char* to = write(out.data(), metadata_start);
  to = write_escaped(to, m.uuid);
  to = write(to, sequence_key);
  to = write_decimal(to, m.sequence);
  to = write(to, start_time_key);
  const std::size_t time_size = format_timestamp(m.start_time, {to, max_timestamp_size});
  if (time_size == 0) return errc::bad_timestamp;
  to += time_size;
  *to++ = '"';
  std::array<char, max_timestamp_size> opened;
  const std::size_t opened_size = m.opened.is_zero() ? 0 : format_timestamp(m.opened, opened);
  if (opened_size == 0 && !m.opened.is_zero()) return errc::bad_timestamp;
  const auto texts = optional_texts(m, {opened.data(), opened_size});
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) continue;
    to = write(to, ",\"");
    to = write(to, optional_names[i]);
    to = write(to, "\":");
    to = write_escaped(to, texts[i]);
  }
  *to++ = '}';
  to = write(to, line_end);
  written = static_cast<std::size_t>(to - out.data());
  return {};
}

// ---------------------------------------------------------------------------------------------

std::size_t max_record_size(const record& r) noexcept {
  if (r.impl_ == nullptr || !r.impl_->valid) return 0;
  const record::impl& from = *r.impl_;
  std::size_t size = time_key.size() + line_end.size() + poll_key.size() + max_decimal_size +
                     thinned_key.size() + max_decimal_size + max_timestamp_size;
  // Time texts have nothing to escape; the unknown members are JSON already.
  for (std::size_t i = 0; i < from.refs.size(); ++i)
    if (const auto key = static_cast<text_key>(i); from.has(key))
      size += max_key_size + max_escaped_size(from.get(key).size());
  if (from.has_idm) size += idm_key.size() + idm_text_size + 1;
  if (from.has_attributes) size += attributes_key.size() + 1;
  for (const auto& slot : from.attributes)
    size += slot.at == record::impl::absent ? 5 : base64::encoded_size(slot.size) + 3;
  if (from.has_metadata) size += metadata_key.size() + max_key_size + max_decimal_size + 1;
  return size;
}

std::error_code encode_record(std::span<char> out, std::size_t& written, const record& r) noexcept {
  written = 0;
  if (r.impl_ == nullptr || !r.impl_->valid) return errc::invalid_argument;
  if (out.size() < max_record_size(r)) return errc::buffer_too_small;
  const record::impl& from = *r.impl_;

  char* to = write(out.data(), time_key);
  *to++ = '"';
  // Of a record that was not read from a line the text is made here.
  if (from.has(text_key::time))
    to = write(to, from.get(text_key::time));
  else
    to += format_timestamp(from.time, {to, max_timestamp_size});
  *to++ = '"';
  if (from.has_idm) {
    to = write(to, idm_key);
    to = base64::encode(from.bytes.get(), wire::inet_diag_msg_size, to);
    *to++ = '"';
  }
  if (from.has_attributes) {
    to = write(to, attributes_key);
    for (const auto& slot : from.attributes) {
      if (slot.at == record::impl::absent) {
        to = write_nulls(to, 1);
      } else {
        to = write_base64(to, {from.bytes.get() + slot.at, slot.size});
        *to++ = ',';
      }
    }
    if (!from.attributes.empty()) --to;
    *to++ = ']';
  }
  if (from.has_metadata) {
    to = write(to, metadata_key);
    const char* const first = to;
    const auto start = [&](std::string_view name) {
      if (to != first) *to++ = ',';
      *to++ = '"';
      to = write(to, name);
      to = write(to, "\":");
    };
    if (from.has(text_key::uuid)) {
      start("UUID");
      to = write_escaped(to, from.get(text_key::uuid));
    }
    if (from.has_sequence) {
      start("Sequence");
      to = write_decimal(to, from.sequence);
    }
    if (from.has(text_key::start_time)) {
      start("StartTime");
      *to++ = '"';
      to = write(to, from.get(text_key::start_time));
      *to++ = '"';
    }
    for (std::size_t i = 0; i < optional_names.size(); ++i)
      if (const text_key key = optional_key(i); from.has(key)) {
        start(optional_names[i]);
        to = write_escaped(to, from.get(key));
      }
    if (from.has(text_key::metadata_extra)) {
      if (to != first) *to++ = ',';
      to = write(to, from.get(text_key::metadata_extra));
    }
    *to++ = '}';
  }
  if (from.has(text_key::extra)) {
    *to++ = ',';
    to = write(to, from.get(text_key::extra));
  }
  if (from.has_poll) {
    to = write(to, poll_key);
    to = write_decimal(to, from.poll);
  }
  if (from.has(text_key::ended)) {
    to = write(to, ended_key);
    to = write(to, from.get(text_key::ended));
    *to++ = '"';
  }
  if (from.has(text_key::carried)) {
    to = write(to, carried_key);
    to = write(to, from.get(text_key::carried));
    *to++ = ']';
  }
  if (from.has_thinned) {
    to = write(to, thinned_key);
    to = write_decimal(to, from.thinned);
  }
  to = write(to, line_end);
  written = static_cast<std::size_t>(to - out.data());
  return {};
}

}  // namespace tcpinfo::inline v0
