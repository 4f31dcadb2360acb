// SPDX-License-Identifier: Apache-2.0
//
// From an event to a line, byte for byte as M-Lab's server writes it; behind that the owner, where
// it is told.
#include <array>

#include <tcpinfo/eventsocket.h>

#include "archive/text.h"
#include "common/decimal.h"

namespace tcpinfo::inline v0 {
namespace {

// Keys, punctuation, a time, two addresses, four numbers and the kind, each at its longest.
constexpr std::size_t fixed_size = 400;

char* write_signed(char* to, std::int64_t v) noexcept {
  auto magnitude = static_cast<std::uint64_t>(v);
  if (v < 0) {
    *to++ = '-';
    magnitude = 0 - magnitude;
  }
  return write_decimal(to, magnitude);
}

// Addresses hold nothing that would need escaping. One of no family is written as Go writes it.
char* write_address(char* to, const ip_address& address) noexcept {
  std::array<char, 64> text;
  const std::size_t size = format_ip_address(address.unmapped(), text);
  *to++ = '"';
  to = size == 0 ? write(to, "\\u003cnil\\u003e") : write(to, {text.data(), size});
  *to++ = '"';
  return to;
}

char* write_id(char* to, const socket_id& id) noexcept {
  to = write_decimal(write(to, "{\"SPort\":"), std::uint32_t{id.sport});
  to = write_decimal(write(to, ",\"DPort\":"), std::uint32_t{id.dport});
  to = write_address(write(to, ",\"SrcIP\":"), id.src);
  to = write_address(write(to, ",\"DstIP\":"), id.dst);
  to = write_decimal(write(to, ",\"Interface\":"), id.interface);
  to = write_signed(write(to, ",\"Cookie\":"), static_cast<std::int64_t>(id.cookie));
  return write(to, "}");
}

struct owner_text {
  std::string_view key;  // with what stands around it
  std::string_view value;
};

std::array<owner_text, 5> owner_texts(const flow_event& e) noexcept {
  return {{{",\"Cgroup\":", e.cgroup},
           {",\"Owner\":", e.owner},
           {",\"Pid\":", e.pid},
           {",\"Comm\":", e.comm},
           {",\"Executable\":", e.executable}}};
}

}  // namespace

std::size_t max_flow_event_size(const flow_event& given) noexcept {
  // Of a caller that was compiled against an older header.
  const flow_event e = known_part(given);
  std::size_t size = fixed_size + max_escaped_size(e.uuid.size());
  for (const owner_text& one : owner_texts(e)) size += max_escaped_size(one.value.size());
  return size;
}

std::error_code encode_flow_event(std::span<char> out, std::size_t& written,
                                  const flow_event& given) noexcept {
  written = 0;
  flow_event e;
  if (const std::error_code ec = read_known(given, e)) return ec;
  std::array<char, max_timestamp_size> time;
  const std::size_t time_size = format_timestamp(e.time, time);
  if (time_size == 0) return errc::bad_timestamp;
  if (out.size() < max_flow_event_size(e)) return errc::buffer_too_small;
  char* to = write_signed(write(out.data(), "{\"Event\":"), static_cast<std::int64_t>(e.kind));
  to = write(write(to, ",\"Timestamp\":\""), {time.data(), time_size});
  to = write_escaped(write(to, "\",\"UUID\":"), e.uuid);
  to = write(to, ",\"ID\":");
  to = e.has_id != 0 ? write_id(to, e.id) : write(to, "null");
  for (const owner_text& one : owner_texts(e))
    if (!one.value.empty()) to = write_escaped(write(to, one.key), one.value);
  to = write(to, "}\n");
  written = static_cast<std::size_t>(to - out.data());
  return {};
}

}  // namespace tcpinfo::inline v0
