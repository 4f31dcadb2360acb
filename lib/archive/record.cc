// SPDX-License-Identifier: Apache-2.0
//
// From a line to a record. Lines in the canonical form, which is what every collector writes, are
// read in one pass that decodes as it goes; any other JSON takes the way through simdjson. Both
// give the same record (test/unit/archive/archive_record_test.cc and the fuzz target hold them
// against each other).
#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "archive/base64.h"
#include "archive/carried.h"
#include "archive/record_impl.h"
#include "archive/text.h"

namespace tcpinfo::inline v0 {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t idm_size = wire::inet_diag_msg_size;
constexpr std::size_t idm_text_size = base64::encoded_size(idm_size);
constexpr std::string_view ended_start = ",\"Ended\":\"";
constexpr std::string_view thinned_start = ",\"Thinned\":";
constexpr std::string_view name_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

std::error_code from_simdjson(simdjson::error_code ec) noexcept {
  return ec == simdjson::MEMALLOC ? errc::out_of_memory : errc::bad_json;
}

// JSON without the spaces between its tokens. May throw std::bad_alloc.
void append_minified(std::string& to, std::string_view json) {
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    to.push_back(c);
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && i + 1 < json.size()) to.push_back(json[++i]);
  }
}

std::string_view without_line_end(std::string_view line) noexcept {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// simdjson takes it for a success that there is no memory for its strings, and writes them to null.
class text_document : public ondemand::document {
 public:
  [[nodiscard]] bool has_memory() noexcept { return iter.string_buf_loc() != nullptr; }
};

// Fills a record::impl, which only the record's own members can name.
template <class Impl>
class line_parser {
 public:
  explicit line_parser(Impl& into) noexcept : r_(into) {}

  std::error_code parse(std::string_view line) {
    if (std::uint64_t{line.size()} >= Impl::absent) return errc::line_too_long;
    // `"",` is 3 characters and makes 4 bytes: twice the line holds any message.
    if (const std::error_code ec = r_.reserve(2 * line.size() + idm_size)) return ec;
    r_.reset();
    bool canonical = false;
    if (const std::error_code ec = parse_canonical(line, canonical)) return ec;
    if (!canonical) {
      r_.reset();
      if (const std::error_code ec = parse_any(line)) return ec;
    }
    r_.valid = true;
    return {};
  }

 private:
  // --- what both ways use

  // Adds a run of absent attributes at once ("null,null,"): most of a record's attributes are
  // absent.
  bool add_run_of_absent(const char*& at, const char* const end) {
    constexpr std::string_view absent = "null,";
    std::size_t n = 0;
    for (; static_cast<std::size_t>(end - at) >= absent.size() &&
           std::memcmp(at, absent.data(), absent.size()) == 0;
         ++n)
      at += absent.size();
    return n == 0 || r_.add_absent(n);
  }

  // --- the canonical form

  // `canonical`: the line was read. If it is false, the line may be good or bad, and parse_any has
  // to tell which.
  std::error_code parse_canonical(std::string_view line, bool& canonical) {
    canonical = false;
    const char* at = line.data();
    const char* const end = at + line.size();
    const auto skip = [&](std::string_view text) {
      if (static_cast<std::size_t>(end - at) < text.size() ||
          std::memcmp(at, text.data(), text.size()) != 0)
        return false;
      at += text.size();
      return true;
    };

    if (!skip("{\"Timestamp\":\"")) return {};
    const auto* const time_end = static_cast<const char*>(
        std::memchr(at, '"', std::min<std::size_t>(static_cast<std::size_t>(end - at), 64)));
    if (time_end == nullptr) return {};
    const std::string_view time_text(at, static_cast<std::size_t>(time_end - at));
    if (parse_timestamp(time_text, r_.time)) return {};
    at = time_end;
    if (!skip("\",\"RawIDM\":\"")) return {};
    if (static_cast<std::size_t>(end - at) < idm_text_size) return {};
    std::size_t n = 0;
    const char* const idm_end = at + idm_text_size;
    if (base64::decode(at, idm_end, r_.bytes.get(), n) != idm_end || n != idm_size) return {};
    at = idm_end;
    if (!skip("\",\"Attributes\":[")) return {};
    for (;;) {
      if (at == end) return {};
      // An attribute that cannot be added goes to parse_any, which looks at the rest of the line
      // first and then reports the right fault.
      if (*at == '"') {
        ++at;
        const char* const next = base64::decode(at, end, r_.payload_place(), n);
        if (next == nullptr || next == end || *next != '"') return {};
        at = next + 1;
        if (!r_.add_attribute(n)) return {};
      } else {
        if (!add_run_of_absent(at, end)) return {};
        if (at != end && *at == '"') continue;
        if (!skip("null") || !r_.add_absent()) return {};
      }
      if (at == end) return {};
      const char c = *at++;
      if (c == ']') break;
      if (c != ',') return {};
    }
    std::uint64_t poll = 0;
    bool has_poll = false;
    if (skip(",\"Poll\":")) {
      const char* const first = at;
      const auto [last, fault] = std::from_chars(at, end, poll);
      // JSON has no leading zeros.
      if (fault != std::errc() || (*first == '0' && last - first > 1)) return {};
      at = last;
      has_poll = true;
    }
    if (at != end && *at == ',' && !read_rare_keys(at, end)) return {};
    if (!skip("}") || at != end) return {};
    r_.set(text_key::time, time_text);
    r_.has_time = r_.has_idm = r_.has_attributes = true;
    r_.has_poll = has_poll;
    if (has_poll) r_.poll = poll;
    canonical = true;
    return {};
  }

  // The keys that only final records have, and those behind what was left out. Apart from the rest,
  // which has fewer registers to spare.
  [[gnu::noinline]] bool read_rare_keys(const char*& at, const char* const end) {
    std::string_view rest(at, static_cast<std::size_t>(end - at));
    // The value behind a key, up to `closing`; nothing is taken where there is none.
    const auto take = [&rest](std::string_view key, char closing, std::size_t most) {
      if (!rest.starts_with(key)) return std::string_view();
      const std::size_t size = rest.substr(key.size(), most).find(closing);
      // What is empty is for parse_any to judge.
      if (size == rest.npos || size == 0) return std::string_view();
      const std::string_view value = rest.substr(key.size(), size);
      rest.remove_prefix(key.size() + size + 1);
      return value;
    };
    if (const std::string_view ended = take(ended_start, '"', 64); !ended.empty()) {
      if (parse_timestamp(ended, r_.ended)) return false;
      r_.set(text_key::ended, ended);
    }
    if (const std::string_view carried = take(carried_key, ']', max_carried_size);
        !carried.empty()) {
      if (!read_names(carried)) return false;
      r_.set(text_key::carried, carried);
    }
    if (rest.starts_with(thinned_start)) {
      const char* const first = rest.data() + thinned_start.size();
      const auto [last, fault] = std::from_chars(first, end, r_.thinned);
      if (fault != std::errc() || (*first == '0' && last - first > 1)) return false;
      r_.has_thinned = true;
      rest.remove_prefix(static_cast<std::size_t>(last - rest.data()));
    }
    at = end - rest.size();
    return true;
  }

  // Names in quotes, of characters that need no escape, with commas between them: at least one.
  [[nodiscard]] bool read_names(std::string_view list) noexcept {
    for (;;) {
      if (!list.starts_with('"')) return false;
      const std::size_t size = list.find_first_not_of(name_characters, 1);
      if (size == list.npos || list[size] != '"') return false;
      r_.carried |= carried_bit(list.substr(1, size - 1));
      list.remove_prefix(size + 1);
      if (list.empty()) return true;
      if (list.front() != ',') return false;
      list.remove_prefix(1);
    }
  }

  // --- any JSON

  std::error_code parse_any(std::string_view line) {
    if (line.starts_with(byte_order_mark)) return errc::bad_json;
    const std::size_t needed = line.size() + simdjson::SIMDJSON_PADDING;
    if (needed > r_.padded_capacity) {
      const std::size_t size = std::max(needed, 2 * r_.padded_capacity);
      std::unique_ptr<char[]> grown(new (std::nothrow) char[size]);
      if (!grown) return errc::out_of_memory;
      r_.padded = std::move(grown);
      r_.padded_capacity = size;
    }
    write(r_.padded.get(), line);
    std::memset(r_.padded.get() + line.size(), ' ', simdjson::SIMDJSON_PADDING);
    if (!r_.json) r_.json = std::make_unique<ondemand::parser>();

    text_document document;
    ondemand::object object;
    if (const auto e = r_.json->iterate(r_.padded.get(), line.size(), r_.padded_capacity)
                           .get(static_cast<ondemand::document&>(document)))
      return from_simdjson(e);
    if (!document.has_memory()) return errc::out_of_memory;
    if (const auto e = document.get_object().get(object)) return from_simdjson(e);
    // A string in UTF-8 decodes within its own length; `refs` need no more than the line's length.
    std::uint32_t seen = 0;
    for (auto member : object) {
      std::string_view key;
      ondemand::value value;
      if (const std::error_code ec = take(member, key, value)) return ec;
      std::error_code ec;
      if (key == "Timestamp") {
        ec = once(seen, 0);
        if (!ec) ec = time(value);
      } else if (key == "RawIDM") {
        ec = once(seen, 1);
        if (!ec) ec = idm(value);
      } else if (key == "Attributes") {
        ec = once(seen, 2);
        if (!ec) ec = attributes(value);
      } else if (key == "Metadata") {
        ec = once(seen, 3);
        if (!ec) ec = metadata_object(value);
      } else if (key == "Poll") {
        ec = once(seen, 4);
        if (!ec) ec = optional_number(value, r_.poll, r_.has_poll);
      } else if (key == "Ended") {
        ec = once(seen, 5);
        if (!ec) ec = optional_time(value, text_key::ended, r_.ended);
      } else if (key == "Carried") {
        ec = once(seen, 6);
        if (!ec) ec = names(value);
      } else if (key == "Thinned") {
        ec = once(seen, 7);
        if (!ec) ec = optional_count(value, r_.thinned, r_.has_thinned);
      } else {
        ec = keep(extra_, key, value);
      }
      if (ec) return ec;
    }
    // Anything after the object?
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return errc::bad_json;
    if (r_.unknown > 0) {
      // simdjson's lazy reader does not look into values that nobody asked for.
      if (!r_.validator) r_.validator = std::make_unique<simdjson::dom::parser>();
      if (const auto e = r_.validator->parse(r_.padded.get(), line.size(), false).error())
        return from_simdjson(e);
      if (!extra_.empty()) r_.set(text_key::extra, extra_);
      if (!metadata_extra_.empty()) r_.set(text_key::metadata_extra, metadata_extra_);
    }
    if (!r_.has_time) return errc::bad_timestamp;
    return {};
  }

  template <class Member>
  static std::error_code take(Member& member, std::string_view& key,
                              ondemand::value& value) noexcept {
    ondemand::field field;
    if (const auto e = std::move(member).get(field)) return from_simdjson(e);
    if (const auto e = field.unescaped_key().get(key)) return from_simdjson(e);
    value = std::move(field.value());
    return {};
  }

  static std::error_code once(std::uint32_t& seen, unsigned bit) noexcept {
    if ((seen >> bit & 1U) != 0) return errc::bad_json;
    seen |= 1U << bit;
    return {};
  }

  static std::error_code is_null(ondemand::value& value, bool& null) noexcept {
    if (const auto e = value.is_null().get(null)) return from_simdjson(e);
    return {};
  }

  std::error_code time(ondemand::value& value) {
    std::string_view text;
    if (const auto e = value.get_string().get(text)) return from_simdjson(e);
    if (const std::error_code ec = parse_timestamp(text, r_.time)) return ec;
    r_.set(text_key::time, text);
    r_.has_time = true;
    return {};
  }

  std::error_code idm(ondemand::value& value) noexcept {
    bool null = false;
    if (const std::error_code ec = is_null(value, null); ec || null) return ec;
    std::string_view text;
    if (const auto e = value.get_string().get(text)) return from_simdjson(e);
    // Decoding writes at the start of the buffer: a longer text must not reach the attributes,
    // which may have been read before.
    if (text.size() != idm_text_size) {
      std::size_t n = 0;
      const std::unique_ptr<std::byte[]> aside(new (std::nothrow)
                                                   std::byte[text.size() + base64::decode_slack]);
      if (!aside) return errc::out_of_memory;
      const char* const end = text.data() + text.size();
      return base64::decode(text.data(), end, aside.get(), n) != end ? errc::bad_base64
                                                                     : errc::bad_raw_idm;
    }
    std::byte aside[idm_size + base64::decode_slack];
    std::size_t n = 0;
    const char* const end = text.data() + text.size();
    if (base64::decode(text.data(), end, aside, n) != end) return errc::bad_base64;
    if (n != idm_size) return errc::bad_raw_idm;
    std::memcpy(r_.bytes.get(), aside, idm_size);
    r_.has_idm = true;
    return {};
  }

  std::error_code attributes(ondemand::value& value) {
    bool null = false;
    if (const std::error_code ec = is_null(value, null); ec || null) return ec;
    ondemand::array array;
    if (const auto e = value.get_array().get(array)) return from_simdjson(e);
    for (auto item : array) {
      ondemand::value element;
      if (const auto e = std::move(item).get(element)) return from_simdjson(e);
      if (const std::error_code ec = is_null(element, null)) return ec;
      bool added = false;
      if (null) {
        added = r_.add_absent();
      } else {
        std::string_view text;
        if (const auto e = element.get_string().get(text)) return from_simdjson(e);
        std::size_t n = 0;
        const char* const end = text.data() + text.size();
        if (base64::decode(text.data(), end, r_.payload_place(), n) != end) return errc::bad_base64;
        added = r_.add_attribute(n);
      }
      if (!added) return errc::malformed_attribute;
    }
    r_.has_attributes = true;
    return {};
  }

  static std::error_code optional_number(ondemand::value& value, std::uint64_t& out,
                                         bool& present) noexcept {
    bool null = false;
    if (const std::error_code ec = is_null(value, null); ec || null) return ec;
    if (const auto e = value.get_uint64().get(out)) return from_simdjson(e);
    present = true;
    return {};
  }

  static std::error_code optional_count(ondemand::value& value, std::uint32_t& out,
                                        bool& present) noexcept {
    std::uint64_t number = 0;
    if (const std::error_code ec = optional_number(value, number, present)) return ec;
    if (number > std::numeric_limits<std::uint32_t>::max()) return errc::bad_json;
    out = static_cast<std::uint32_t>(number);
    return {};
  }

  std::error_code optional_text(ondemand::value& value, text_key key) {
    bool null = false;
    if (const std::error_code ec = is_null(value, null); ec || null) return ec;
    std::string_view text;
    if (const auto e = value.get_string().get(text)) return from_simdjson(e);
    r_.set(key, text);
    return {};
  }

  std::error_code optional_time(ondemand::value& value, text_key key, timestamp& out) {
    if (const std::error_code ec = optional_text(value, key)) return ec;
    return r_.has(key) ? parse_timestamp(r_.get(key), out) : std::error_code();
  }

  // Of Carried. Those that are unknown are kept, too.
  std::error_code names(ondemand::value& value) {
    bool null = false;
    if (const std::error_code ec = is_null(value, null); ec || null) return ec;
    ondemand::array array;
    if (const auto e = value.get_array().get(array)) return from_simdjson(e);
    std::string list;
    for (auto item : array) {
      std::string_view name;
      if (const auto e = std::move(item).get_string().get(name)) return from_simdjson(e);
      r_.carried |= carried_bit(name);
      if (!list.empty()) list.push_back(',');
      const std::size_t at = list.size();
      list.resize(at + max_escaped_size(name.size()));
      list.resize(static_cast<std::size_t>(write_escaped(list.data() + at, name) - list.data()));
    }
    r_.set(text_key::carried, list);
    return {};
  }

  std::error_code metadata_object(ondemand::value& value) {
    bool null = false;
    if (const std::error_code ec = is_null(value, null); ec || null) return ec;
    ondemand::object object;
    if (const auto e = value.get_object().get(object)) return from_simdjson(e);
    std::uint32_t seen = 0;
    for (auto member : object) {
      std::string_view key;
      ondemand::value v;
      std::error_code ec = take(member, key, v);
      if (ec) return ec;
      const auto optional = std::find(optional_names.begin(), optional_names.end(), key);
      if (optional != optional_names.end()) {
        const auto i = static_cast<unsigned>(optional - optional_names.begin());
        ec = once(seen, 3 + i);
        if (!ec)
          ec = optional_key(i) == text_key::opened ? optional_time(v, text_key::opened, r_.opened)
                                                   : optional_text(v, optional_key(i));
      } else if (key == "UUID") {
        ec = once(seen, 0);
        if (!ec) ec = optional_text(v, text_key::uuid);
      } else if (key == "Sequence") {
        ec = once(seen, 1);
        if (!ec) ec = optional_number(v, r_.sequence, r_.has_sequence);
      } else if (key == "StartTime") {
        ec = once(seen, 2);
        if (!ec) ec = optional_time(v, text_key::start_time, r_.start_time);
      } else {
        ec = keep(metadata_extra_, key, v);
      }
      if (ec) return ec;
    }
    r_.has_metadata = true;
    return {};
  }

  // Keeps an unknown member as JSON.
  std::error_code keep(std::string& to, std::string_view key, ondemand::value& value) {
    ++r_.unknown;
    if (!to.empty()) to.push_back(',');
    const std::size_t at = to.size();
    to.resize(at + max_escaped_size(key.size()));
    to.resize(static_cast<std::size_t>(write_escaped(to.data() + at, key) - to.data()));
    to.push_back(':');
    ondemand::json_type type{};
    if (const auto e = value.type().get(type)) return from_simdjson(e);
    std::string_view raw;
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (const auto e = value.get_object().get(object)) return from_simdjson(e);
      if (const auto e = object.raw_json().get(raw)) return from_simdjson(e);
    } else if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (const auto e = value.get_array().get(array)) return from_simdjson(e);
      if (const auto e = array.raw_json().get(raw)) return from_simdjson(e);
    } else {
      raw = value.raw_json_token();
    }
    append_minified(to, raw);
    return {};
  }

  Impl& r_;
  std::string extra_;
  std::string metadata_extra_;
};

}  // namespace

record::record(record&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}

record& record::operator=(record&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

record::~record() { delete impl_; }

std::error_code record::parse(std::string_view line) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  line_parser<impl> parser(*impl_);
  std::error_code ec;
  try {
    ec = parser.parse(without_line_end(line));
  } catch (const std::bad_alloc&) {
    ec = errc::out_of_memory;
  } catch (...) {
    ec = errc::bad_json;
  }
  if (ec) impl_->reset();
  return ec;
}

timestamp record::time() const noexcept { return impl_ == nullptr ? timestamp() : impl_->time; }

bool record::has_idm() const noexcept { return impl_ != nullptr && impl_->has_idm; }

bytes_view record::idm() const& noexcept {
  return has_idm() ? bytes_view(impl_->bytes.get(), idm_size) : bytes_view();
}

message record::view() const& noexcept {
  return {has_idm() ? bytes_view(impl_->bytes.get(), impl_->used) : bytes_view()};
}

std::size_t record::attribute_count() const noexcept {
  return impl_ == nullptr ? 0 : impl_->attributes.size();
}

bool record::attribute(std::size_t type, bytes_view& payload) const noexcept {
  if (type >= attribute_count()) return false;
  const impl::slot& slot = impl_->attributes[type];
  if (slot.at == impl::absent) return false;
  payload = {impl_->bytes.get() + slot.at, slot.size};
  return true;
}

std::uint64_t record::poll() const noexcept { return impl_ == nullptr ? no_poll : impl_->poll; }

timestamp record::ended() const noexcept { return impl_ == nullptr ? timestamp() : impl_->ended; }

std::uint32_t record::carried() const noexcept { return impl_ == nullptr ? 0 : impl_->carried; }

std::uint32_t record::thinned() const noexcept { return impl_ == nullptr ? 0 : impl_->thinned; }

bool record::has_metadata() const noexcept { return impl_ != nullptr && impl_->has_metadata; }

bool record::get_metadata(metadata& out) const noexcept {
  if (!has_metadata() || out.size < sizeof out.size) return false;
  metadata m;
  m.uuid = impl_->get(text_key::uuid);
  m.sequence = impl_->sequence;
  m.start_time = impl_->start_time;
  m.host = impl_->get(text_key::host);
  m.kernel = impl_->get(text_key::kernel);
  m.collector = impl_->get(text_key::collector);
  m.interval = impl_->get(text_key::interval);
  m.run = impl_->get(text_key::run);
  m.netns = impl_->get(text_key::netns);
  m.byte_order = impl_->get(text_key::byte_order);
  m.opened = impl_->opened;
  m.policy = impl_->get(text_key::policy);
  m.cgroup = impl_->get(text_key::cgroup);
  m.owner = impl_->get(text_key::owner);
  m.pid = impl_->get(text_key::pid);
  m.comm = impl_->get(text_key::comm);
  m.executable = impl_->get(text_key::executable);
  fill_known(out, m);
  return true;
}

std::uint32_t record::unknown_keys() const noexcept {
  return impl_ == nullptr ? 0 : impl_->unknown;
}

}  // namespace tcpinfo::inline v0
