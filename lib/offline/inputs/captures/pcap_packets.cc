// SPDX-License-Identifier: Apache-2.0
//
// Link types: https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html, …_LINUX_SLL.html and
// …_LINUX_SLL2.html.
#include "offline/inputs/captures/pcap_packets.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string_view>

namespace tcpinfo::offline {
namespace {

constexpr std::uint16_t device_netlink = 824;  // ARPHRD_NETLINK
constexpr std::uint16_t family_sock_diag = 4;
constexpr std::size_t stdio_size = std::size_t{64} << 10;

// The header before each datagram, in network order.
struct link_header {
  int type;
  std::size_t size;
  std::size_t device_at;
  std::size_t family_at;
};
constexpr link_header link_headers[] = {
    {DLT_NETLINK, 16, 2, 14},
    {DLT_LINUX_SLL, 16, 2, 14},
    {DLT_LINUX_SLL2, 20, 8, 0},
};

struct close_pcap {
  void operator()(pcap_t* p) const { pcap_close(p); }
};

// A damaged file, and a pcapng file by right, may tell of any time.
bool unix_nanoseconds(const timeval& at, std::int64_t& to) noexcept {
  constexpr std::int64_t per_s = 1'000'000'000;
  // Precision is nanoseconds: tv_usec has these.
  return !__builtin_mul_overflow(std::int64_t{at.tv_sec}, per_s, &to) &&
         !__builtin_add_overflow(to, std::int64_t{at.tv_usec}, &to);
}

}  // namespace

bool reads_pcap() { return true; }

struct pcap_packets::impl {
  std::unique_ptr<pcap_t, close_pcap> file;
  byte_source* from = nullptr;
  const link_header* link = nullptr;
  std::uint64_t packets = 0;
  std::optional<packet> waiting;
  std::exception_ptr thrown;  // in a callback of stdio, through which nothing is thrown

  // ---- For stdio ----
  static ssize_t read_input(void* user, char* to, std::size_t size) {
    auto& i = *static_cast<impl*>(user);
    try {
      const auto out = std::as_writable_bytes(std::span(to, size));
      return static_cast<ssize_t>(i.from->read(out));
    } catch (...) {
      i.thrown = std::current_exception();
      return -1;
    }
  }

  std::string why(std::string_view says) const {
    if (thrown) std::rethrow_exception(thrown);
    if (std::string below = from->fault(); !below.empty()) return below;
    // What libpcap says of a second interface that differs from the first.
    if (says.find("different from the type of the first interface") != std::string_view::npos)
      return "captured on several link types: the packets up to here are read; pick one link type "
             "with editcap or tshark";
    return fmt::format("capture: {}", says);
  }
};

pcap_packets::pcap_packets() : impl_(std::make_unique<impl>()) {}
pcap_packets::~pcap_packets() = default;

std::string pcap_packets::open(byte_source& from) {
  impl& i = *impl_;
  i.file.reset();
  i.from = &from;
  i.packets = 0;
  i.waiting.reset();
  i.thrown = nullptr;
  cookie_io_functions_t functions{};
  functions.read = &impl::read_input;
  std::FILE* stream = fopencookie(&i, "r", functions);
  if (stream == nullptr) return "out of memory";
  (void)std::setvbuf(stream, nullptr, _IOFBF, stdio_size);
  char error[PCAP_ERRBUF_SIZE] = {};
  i.file.reset(pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, error));
  if (!i.file) {
    (void)std::fclose(stream);
    return i.why(error);
  }
  const int type = pcap_datalink(i.file.get());
  i.link = nullptr;
  for (const link_header& l : link_headers)
    if (l.type == type) i.link = &l;
  if (i.link != nullptr) return {};
  i.file.reset();
  const char* name = pcap_datalink_val_to_name(type);
  return fmt::format(
      "a capture of something other than netlink (link type {}{}): capture on a device of type "
      "nlmon",
      type, name != nullptr ? fmt::format(", {}", name) : "");
}

capture_step pcap_packets::next(packet& out, std::string& what) {
  impl& i = *impl_;
  if (i.waiting) {
    out = *i.waiting;
    i.waiting.reset();
    return capture_step::message;
  }
  while (i.file) {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int result = pcap_next_ex(i.file.get(), &header, &data);
    if (result != 1) {
      const bool failed = result != PCAP_ERROR_BREAK;
      what = failed ? i.why(pcap_geterr(i.file.get())) : i.from->fault();
      i.file.reset();
      return what.empty() ? capture_step::end : capture_step::fault;
    }
    ++i.packets;
    const bytes_view bytes = std::as_bytes(std::span(data, header->caplen));
    const link_header& l = *i.link;
    const bool cut = header->caplen < header->len;
    const auto fail = [&](std::string_view why) {
      what = fmt::format("packet {}: {}", i.packets, why);
      return capture_step::fault;
    };
    const char* const said_of_cut = "captured in part (snap length too small)";
    if (bytes.size() < l.size) return fail(cut ? said_of_cut : "shorter than its header");
    const auto u16 = [&](std::size_t at) {
      return static_cast<unsigned>(bytes[at]) << 8U | static_cast<unsigned>(bytes[at + 1]);
    };
    // Other devices, and other families of netlink.
    const bool netlink = l.type == DLT_NETLINK || u16(l.device_at) == device_netlink;
    if (!netlink || u16(l.family_at) != family_sock_diag) continue;
    out.datagram = bytes.subspan(l.size);
    out.has_time = unix_nanoseconds(header->ts, out.time_ns);
    out.number = i.packets;
    if (!cut && out.has_time) return capture_step::message;
    // What was captured of it is read; what is wrong with it is a fault of its own.
    i.waiting = out;
    return fail(cut ? said_of_cut : "its time is outside the years 1678 to 2261");
  }
  return capture_step::end;
}

std::uint64_t pcap_packets::packets() const noexcept { return impl_->packets; }

}  // namespace tcpinfo::offline
