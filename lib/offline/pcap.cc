// SPDX-License-Identifier: Apache-2.0
#include "offline/pcap.h"

#include <string>

namespace tcpinfo::offline {
namespace {

constexpr std::uint32_t magic_us = 0xa1b2c3d4;
constexpr std::uint32_t magic_ns = 0xa1b23c4d;
constexpr std::uint32_t magic_ng = 0x0a0d0d0a;  // the same in both byte orders
constexpr std::size_t file_header_size = 24;
constexpr std::size_t link_type_at = 20;
constexpr std::size_t packet_header_size = 16;
constexpr std::uint32_t link_type_netlink = 253;
// Before each datagram, in network order: direction, ARPHRD_NETLINK, zeros, netlink family.
constexpr std::size_t cooked_header_size = 16;
constexpr std::size_t cooked_protocol_at = 14;
constexpr unsigned protocol_sock_diag = 4;

constexpr std::size_t netlink_header_size = 16;
constexpr std::uint16_t type_error = 2;
constexpr std::uint16_t type_done = 3;
constexpr std::uint16_t type_tcpdiag = 18;
constexpr std::uint16_t type_by_family = 20;
constexpr std::uint16_t type_destroy = 21;
constexpr std::uint16_t flag_request = 1;

constexpr std::uint32_t swap(std::uint32_t v) noexcept {
  return v << 24U | (v & 0xff00U) << 8U | (v >> 8U & 0xff00U) | v >> 24U;
}

class category_impl final : public std::error_category {
 public:
  const char* name() const noexcept override { return "capture"; }

  std::string message(int value) const override {
    switch (static_cast<capture_errc>(value)) {
      case capture_errc::ok:
        return "success";
      case capture_errc::empty:
        return "empty capture";
      case capture_errc::pcapng:
        return "pcapng is not supported; convert it with: tcpdump -r in.pcapng -w out.pcap";
      case capture_errc::unknown_format:
        return "neither a pcap file nor netlink messages";
      case capture_errc::wrong_link_type:
        return "a pcap file of something other than netlink (link type 253)";
      case capture_errc::truncated_file:
        return "ends inside a packet or message";
      case capture_errc::truncated_packet:
        return "packet captured in part (snap length too small)";
      case capture_errc::bad_message_length:
        return "netlink message length out of bounds";
      case capture_errc::short_message:
        return "sock_diag answer shorter than struct inet_diag_msg";
    }
    return "unknown error " + std::to_string(value);
  }
};

message_kind kind_of(std::uint16_t type, std::uint16_t flags) noexcept {
  switch (type) {
    case type_error:
      return message_kind::error;
    case type_done:
      return message_kind::done;
    case type_destroy:
      return message_kind::destroy;
    case type_tcpdiag:
    case type_by_family:
      // The kernel never sets this flag, and never acts on a message without it.
      return (flags & flag_request) != 0 ? message_kind::request : message_kind::response;
    default:
      return message_kind::other;
  }
}

constexpr std::uint16_t swap(std::uint16_t v) noexcept {
  return static_cast<std::uint16_t>(v << 8U | v >> 8U);
}

bool is_plausible_length(std::uint32_t length, std::size_t available) noexcept {
  return length >= netlink_header_size && length <= available;
}

// The length and type of a netlink message, in this machine's byte order.
struct message_start {
  std::uint32_t length = 0;
  std::uint16_t type = 0;
  bool foreign = false;
};

// `left`: bytes up to the end of the datagram, a header's at least. Types are below 256: where one
// is not, and would be in the other byte order, so is the length, however large the file is.
message_start start_of(const std::byte* header, std::size_t left) noexcept {
  constexpr std::uint16_t types_end = 256;
  const message_start ours{wire::load<std::uint32_t>(header), wire::load<std::uint16_t>(header + 4),
                           false};
  const message_start theirs{swap(ours.length), swap(ours.type), true};
  if (!is_plausible_length(theirs.length, left)) return ours;
  const bool plausible = is_plausible_length(ours.length, left);
  return !plausible || (ours.type >= types_end && theirs.type < types_end) ? theirs : ours;
}

}  // namespace

const std::error_category& capture_category() noexcept {
  static const category_impl instance;
  return instance;
}

std::error_code capture_reader::open(bytes_view file) noexcept {
  *this = {};
  if (file.empty()) return capture_errc::empty;
  if (file.size() < 4) return capture_errc::unknown_format;
  const auto magic = wire::load<std::uint32_t>(file.data());
  if (magic == magic_ng) return capture_errc::pcapng;
  for (const bool swapped : {false, true}) {
    const std::uint32_t m = swapped ? swap(magic) : magic;
    if (m != magic_us && m != magic_ns) continue;
    if (file.size() < file_header_size) return capture_errc::truncated_file;
    file_ = file;
    pcap_ = true;
    swapped_ = swapped;
    nanoseconds_ = m == magic_ns;
    // The upper bits tell of frame check sequences, which netlink has not.
    if ((file_u32(link_type_at) & 0xffffU) != link_type_netlink) {
      *this = {};
      return capture_errc::wrong_link_type;
    }
    at_ = file_header_size;
    return {};
  }
  // Bare messages begin with a length; one that is impossible means that they are something else.
  if (!is_plausible_length(magic, file.size()) && !is_plausible_length(swap(magic), file.size()))
    return capture_errc::unknown_format;
  file_ = file;
  datagram_end_ = file.size();
  at_ = file.size();
  return {};
}

std::uint32_t capture_reader::file_u32(std::size_t at) const noexcept {
  const auto v = wire::load<std::uint32_t>(file_.data() + at);
  return swapped_ ? swap(v) : v;
}

void capture_reader::fault(capture_errc e, std::size_t at) noexcept {
  ++faults_;
  latest_error_ = e;
  latest_at_ = at;
  if (error_) return;
  error_ = e;
  error_at_ = at;
}

bool capture_reader::next_packet() noexcept {
  while (at_ < file_.size()) {
    const std::size_t header = at_;
    const std::size_t left = file_.size() - header;
    if (left < packet_header_size || file_u32(header + 8) > left - packet_header_size) {
      fault(capture_errc::truncated_file, header);
      at_ = file_.size();
      return false;
    }
    const std::size_t captured = file_u32(header + 8);
    const std::size_t original = file_u32(header + 12);
    const std::int64_t fraction = file_u32(header + 4);
    time_ns_ = std::int64_t{file_u32(header)} * 1'000'000'000 +
               (nanoseconds_ ? fraction : fraction * 1000);
    const std::size_t packet = header + packet_header_size;
    at_ = packet + captured;
    ++packets_;
    if (captured < cooked_header_size) {
      fault(capture_errc::truncated_packet, header);
      continue;
    }
    const auto high = static_cast<unsigned>(file_[packet + cooked_protocol_at]);
    const auto low = static_cast<unsigned>(file_[packet + cooked_protocol_at + 1]);
    if ((high << 8U | low) != protocol_sock_diag) {
      ++other_packets_;
      continue;
    }
    // What was captured of a cut packet is read; the message that is cut is a fault of its own.
    if (captured < original) fault(capture_errc::truncated_packet, header);
    message_at_ = packet + cooked_header_size;
    datagram_end_ = at_;
    return true;
  }
  return false;
}

bool capture_reader::next(netlink_message& out) noexcept {
  while (true) {
    if (message_at_ >= datagram_end_) {
      if (!pcap_ || !next_packet()) return false;
      continue;
    }
    const std::size_t at = message_at_;
    const std::size_t left = datagram_end_ - at;
    const message_start start =
        left >= netlink_header_size ? start_of(file_.data() + at, left) : message_start{};
    const std::uint32_t length = start.length;
    if (!is_plausible_length(length, left)) {
      const bool cut = !pcap_ && (left < netlink_header_size || length > left);
      fault(cut ? capture_errc::truncated_file : capture_errc::bad_message_length, at);
      message_at_ = datagram_end_;  // nothing tells where the next message begins
      continue;
    }
    const std::byte* header = file_.data() + at;
    const std::size_t next = at + wire::align4(length);
    message_at_ = next < datagram_end_ ? next : datagram_end_;
    const auto u16 = [&](std::size_t from) {
      const auto v = wire::load<std::uint16_t>(header + from);
      return start.foreign ? swap(v) : v;
    };
    const auto u32 = [&](std::size_t from) {
      const auto v = wire::load<std::uint32_t>(header + from);
      return start.foreign ? swap(v) : v;
    };
    const std::uint16_t flags = u16(6);
    const message_kind kind = kind_of(start.type, flags);
    if (kind == message_kind::response && length < netlink_header_size + wire::inet_diag_msg_size) {
      fault(capture_errc::short_message, at);
      continue;
    }
    out.kind = kind;
    out.type = start.type;
    out.flags = flags;
    out.sequence = u32(8);
    out.port = u32(12);
    out.payload = file_.subspan(at + netlink_header_size, length - netlink_header_size);
    out.foreign = start.foreign;
    out.has_time = pcap_;
    out.time_ns = time_ns_;
    out.offset = at;
    return true;
  }
}

}  // namespace tcpinfo::offline
