// SPDX-License-Identifier: Apache-2.0
//
// From a message or a metadata struct to a record, without the line between them: what encode.cc
// would write and record.cc would read. Nothing is allocated once a record has held its like.
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "archive/data_line.h"
#include "archive/record_impl.h"
#include "archive/text.h"

namespace tcpinfo::inline v0 {
namespace {

// What a time is after it was written and read: its offset has whole minutes.
timestamp as_read(timestamp t) noexcept {
  t.utc_offset_seconds = t.utc_offset_seconds / 60 * 60;
  return t;
}

// A time as it is written; empty where it cannot be.
struct time_text {
  std::array<char, max_timestamp_size> characters;
  std::size_t size;

  explicit time_text(const timestamp& t) noexcept : size(format_timestamp(t, characters)) {}
  [[nodiscard]] std::string_view view() const noexcept { return {characters.data(), size}; }
};

// A text after it was written as JSON and read: what is not UTF-8 is U+FFFD. May throw
// std::bad_alloc.
void append_as_read(std::string& to, std::string_view text) {
  while (!text.empty()) {
    std::size_t good = 0;
    std::size_t size = 1;
    while (good < text.size() && (size = utf8_sequence(text.substr(good))) > 0) good += size;
    to.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) return;
    to.append("\xef\xbf\xbd");
    text.remove_prefix(1);
  }
}

}  // namespace

void record::impl::take_message(const message& m) {
  std::memcpy(bytes.get(), m.bytes.data(), idm_size);
  headers.clear();
  paddings.clear();
  const sorted_attributes sorted(m);
  bool all = true;
  sorted.for_each([&](std::size_t type, bytes_view payload) {
    const std::size_t header = used;
    const auto end =
        static_cast<std::uint32_t>(header + wire::attribute_header_size + payload.size());
    if (end % 4 != 0) paddings.push_back(end);
    // Types have 14 bits and lengths 16: netlink allows all of them.
    (void)add_absent(type - attributes.size());
    if (!payload.empty()) std::memcpy(payload_place(), payload.data(), payload.size());
    (void)add_attribute(payload.size());
    all = headers.add({bytes.get(), used}, header) && all;
  });
  if (all) headers.finish({bytes.get(), used});
  // A line's array is never empty.
  if (attributes.empty()) (void)add_absent();
}

std::error_code record::assign(const timestamp& time, const message& m,
                               const record_extras& given) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  impl& r = *impl_;
  // The message's bytes, where they may be this record's own; and `valid` is false until all is
  // taken, so that an error leaves an empty record.
  std::unique_ptr<std::byte[]> own;
  const auto refuse = [&r](std::error_code ec) {
    r.reset();
    return ec;
  };

  if (m.bytes.size() < impl::idm_size) return refuse(errc::message_too_short);
  record_extras extras;
  if (const std::error_code ec = read_known(given, extras)) return refuse(ec);
  if (!has_text(time)) return refuse(errc::bad_timestamp);
  const bool is_own = r.bytes && m.bytes.data() == r.bytes.get();
  // Messages of a connection are mostly alike.
  const bool is_like_before = !is_own && r.has_layout_of(m.bytes);
  if (is_own) {
    own = std::move(r.bytes);
    r.capacity = 0;
  }
  if (is_like_before) {
    r.reset_all_but_message();
    r.take_payloads(m.bytes);
  } else {
    r.reset();
    if (const std::error_code ec = r.reserve(m.bytes.size())) return refuse(ec);
  }
  try {
    if (!is_like_before) r.take_message(m);
    if (!extras.ended.is_zero()) {
      const time_text ended(extras.ended);
      if (ended.size == 0) return refuse(errc::bad_timestamp);
      r.set(text_key::ended, ended.view());
      r.ended = as_read(extras.ended);
    }
    if (extras.carried != 0) {
      std::array<char, max_carried_size> names;
      const char* const end = write_carried(names.data(), extras.carried);
      std::string_view list(names.data(), static_cast<std::size_t>(end - names.data()));
      list.remove_prefix(carried_key.size());
      list.remove_suffix(1);
      r.set(text_key::carried, list);
      r.carried = extras.carried;
    }
  } catch (const std::bad_alloc&) {
    return refuse(errc::out_of_memory);
  }
  r.time = as_read(time);
  r.poll = extras.poll;
  r.has_poll = extras.poll != no_poll;
  r.thinned = extras.thinned;
  r.has_thinned = extras.thinned != 0;
  r.valid = r.has_time = r.has_idm = r.has_attributes = r.from_message = true;
  return {};
}

std::error_code record::assign(const metadata& given) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  impl& r = *impl_;
  const auto refuse = [&r](std::error_code ec) {
    r.reset();
    return ec;
  };

  metadata m;
  if (const std::error_code ec = read_known(given, m)) return refuse(ec);
  const time_text start(m.start_time);
  const time_text opened(m.opened);
  if (start.size == 0 || (opened.size == 0 && !m.opened.is_zero()))
    return refuse(errc::bad_timestamp);
  const std::array<std::string_view, optional_names.size()> optional = {
      m.host,   m.kernel,    m.collector,  m.interval,
      m.run,    m.netns,     m.byte_order, m.opened.is_zero() ? std::string_view() : opened.view(),
      m.policy, m.cgroup,    m.owner,      m.pid,
      m.comm,   m.executable};
  // Places in the text have 32 bits, and a byte that is not UTF-8 becomes three.
  std::size_t most = m.uuid.size();
  for (const std::string_view text : optional) most += text.size();
  if (most >= impl::absent / 3) return refuse(errc::line_too_long);
  if (const std::error_code ec = r.reserve(impl::idm_size)) return refuse(ec);

  // Its texts may be this record's own, which therefore stay until the new ones are there.
  std::string& text = r.spare;
  decltype(r.refs) refs = {};
  std::uint32_t present = 0;
  const auto set = [&](text_key key, std::string_view value) {
    const std::size_t at = text.size();
    append_as_read(text, value);
    refs[static_cast<std::size_t>(key)] = {static_cast<std::uint32_t>(at),
                                           static_cast<std::uint32_t>(text.size() - at)};
    present |= 1U << static_cast<unsigned>(key);
  };
  try {
    text.clear();
    set(text_key::time, "0001-01-01T00:00:00Z");
    set(text_key::uuid, m.uuid);
    set(text_key::start_time, start.view());
    for (std::size_t i = 0; i < optional.size(); ++i)
      if (!optional[i].empty()) set(optional_key(i), optional[i]);
  } catch (const std::bad_alloc&) {
    return refuse(errc::out_of_memory);
  }
  const timestamp start_time = as_read(m.start_time);
  const timestamp opened_at = m.opened.is_zero() ? timestamp() : as_read(m.opened);
  r.reset();
  r.text.swap(text);
  r.refs = refs;
  r.present = present;
  r.start_time = start_time;
  r.opened = opened_at;
  r.sequence = m.sequence;
  r.valid = r.has_time = r.has_metadata = r.has_sequence = true;
  return {};
}

}  // namespace tcpinfo::inline v0
