// SPDX-License-Identifier: Apache-2.0
//
// Keys in any order, unknown ones counted: a newer server may tell more than we know. The whole
// line is validated, so that a damaged one is never taken for an event.
#include "eventsocket/parse.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "archive/text.h"

namespace tcpinfo::inline v0 {
namespace {

namespace dom = simdjson::dom;

template <class T>
bool read_number(const dom::element& value, T& out) noexcept {
  std::uint64_t number = 0;
  if (value.get(number) != simdjson::SUCCESS || number > std::numeric_limits<T>::max())
    return false;
  out = static_cast<T>(number);
  return true;
}

// Signed in the format; one that was written unsigned is understood as well.
bool read_cookie(const dom::element& value, std::uint64_t& out) noexcept {
  std::int64_t number = 0;
  if (value.get(number) != simdjson::SUCCESS) return read_number(value, out);
  out = static_cast<std::uint64_t>(number);
  return true;
}

bool read_address(const dom::element& value, ip_address& out) noexcept {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS && !parse_ip_address(text, out);
}

enum id_key : unsigned { sport, dport, src, dst, interface, cookie, id_keys };

// A key's bit is set when it has been read: twice is a fault.
bool first_time(unsigned& seen, unsigned key) noexcept {
  const bool first = (seen >> key & 1U) == 0;
  seen |= 1U << key;
  return first;
}

bool read_id(const dom::object& object, socket_id& out, std::uint32_t& unknown) noexcept {
  unsigned seen = 0;
  for (const auto& [key, value] : object) {
    bool good = true;
    if (key == "SPort")
      good = first_time(seen, sport) && read_number(value, out.sport);
    else if (key == "DPort")
      good = first_time(seen, dport) && read_number(value, out.dport);
    else if (key == "SrcIP")
      good = first_time(seen, src) && read_address(value, out.src);
    else if (key == "DstIP")
      good = first_time(seen, dst) && read_address(value, out.dst);
    else if (key == "Interface")
      good = first_time(seen, interface) && read_number(value, out.interface);
    else if (key == "Cookie")
      good = first_time(seen, cookie) && read_cookie(value, out.cookie);
    else
      ++unknown;
    if (!good) return false;
  }
  return true;
}

enum event_key : unsigned {
  kind,
  time,
  uuid,
  id,
  cgroup,
  owner,
  pid,
  comm,
  executable,
  event_keys
};

struct text_key {
  std::string_view name;
  event_key key;
  std::string_view flow_event::*value;
};
constexpr std::array<text_key, 6> text_keys = {
    {{"UUID", uuid, &flow_event::uuid},
     {"Cgroup", cgroup, &flow_event::cgroup},
     {"Owner", owner, &flow_event::owner},
     {"Pid", pid, &flow_event::pid},
     {"Comm", comm, &flow_event::comm},
     {"Executable", executable, &flow_event::executable}}};

std::error_code read_event(const dom::object& object, flow_event& out) noexcept {
  unsigned seen = 0;
  for (const auto& [key, value] : object) {
    if (key == "Event") {
      std::int64_t number = 0;
      if (!first_time(seen, kind) || value.get(number) != simdjson::SUCCESS) return errc::bad_json;
      out.kind = static_cast<flow_event_kind>(number);
    } else if (key == "Timestamp") {
      std::string_view text;
      if (!first_time(seen, time) || value.get(text) != simdjson::SUCCESS) return errc::bad_json;
      if (const auto ec = parse_timestamp(text, out.time)) return ec;
    } else if (key == "ID") {
      if (!first_time(seen, id)) return errc::bad_json;
      if (value.is_null()) continue;
      dom::object inner;
      if (value.get(inner) != simdjson::SUCCESS || !read_id(inner, out.id, out.unknown_keys))
        return errc::bad_json;
      out.has_id = 1;
    } else if (const auto* const text =
                   std::find_if(text_keys.begin(), text_keys.end(),
                                [name = std::string_view(key)](const text_key& one) {
                                  return one.name == name;
                                });
               text != text_keys.end()) {
      if (!first_time(seen, text->key) || value.get(out.*text->value) != simdjson::SUCCESS)
        return errc::bad_json;
    } else {
      ++out.unknown_keys;
    }
  }
  return (seen >> kind & 1U) != 0 ? std::error_code{} : errc::bad_json;
}

}  // namespace

std::error_code parse_flow_event(simdjson::dom::parser& parser, const char* text, std::size_t size,
                                 flow_event& out) noexcept {
  out = {};
  if (std::string_view(text, size).starts_with(byte_order_mark)) return errc::bad_json;
  dom::element line;
  // Not copied: the caller has the padding.
  const simdjson::error_code ec = parser.parse(text, size, false).get(line);
  if (ec != simdjson::SUCCESS)
    return ec == simdjson::MEMALLOC ? errc::out_of_memory : errc::bad_json;
  dom::object object;
  if (line.get(object) != simdjson::SUCCESS) return errc::bad_json;
  return read_event(object, out);
}

}  // namespace tcpinfo::inline v0
