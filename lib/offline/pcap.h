// SPDX-License-Identifier: Apache-2.0
//
// Netlink messages out of captures: classic pcap files of a netlink monitor device (link type 253),
// and files of bare netlink messages back to back. Works on bytes in memory, so that it does not
// matter where they come from or how they were compressed.
//
// Formats: pcap-savefile(5); https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html.
#ifndef TCPINFO_OFFLINE_PCAP_H
#define TCPINFO_OFFLINE_PCAP_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>
#include <system_error>

namespace tcpinfo::offline {

/// What can be wrong with a capture.
enum class capture_errc : int {
  ok = 0,
  empty = 1,               ///< no bytes
  pcapng = 2,              ///< the newer format, which this reader does not take
  unknown_format = 3,      ///< neither pcap nor netlink messages
  wrong_link_type = 4,     ///< a pcap file of something other than netlink
  truncated_file = 5,      ///< ends inside a packet or message
  truncated_packet = 6,    ///< a packet was captured with fewer bytes than it had (snap length)
  bad_message_length = 7,  ///< a netlink message's length is below 16 or beyond its datagram
  short_message = 8,       ///< a sock_diag answer without a whole inet_diag_msg
};

[[nodiscard]] const std::error_category& capture_category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(capture_errc e) noexcept {
  return {static_cast<int>(e), capture_category()};
}

/// Which way a netlink message went, and what it holds.
enum class message_kind : std::uint8_t {
  response,  ///< sock_diag (type 20 or 18) from the kernel: inet_diag_msg and attributes
  request,   ///< sock_diag to the kernel (NLM_F_REQUEST is set)
  destroy,   ///< SOCK_DESTROY, either way
  done,      ///< the end of a dump
  error,     ///< an error or an acknowledgement
  other,
};

/// One netlink message. A view into the capture's bytes.
struct netlink_message {
  message_kind kind = message_kind::other;
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t port = 0;
  bytes_view payload;        ///< without the netlink header; for a response, an inet_diag message
  bool foreign = false;      ///< payload is in the other byte order; all else here is in ours
  bool has_time = false;     ///< bare messages have none
  std::int64_t time_ns = 0;  ///< of capture, since 1970 UTC
  std::size_t offset = 0;    ///< of the netlink header in the file
};

/// Walks the sock_diag messages of a capture, each once and in order; packets of other netlink
/// protocols are passed over. Captures of machines of the other byte order are read as well. Never
/// reads outside the bytes it was given, which must live as long as the reader and the messages it
/// hands out. One thread at a time. Allocates nothing.
class capture_reader {
 public:
  capture_reader() noexcept = default;

  /// Recognises the format by its first bytes and stands before the first message.
  /// @return empty, pcapng, unknown_format, wrong_link_type, truncated_file.
  [[nodiscard]] std::error_code open(bytes_view file) noexcept;

  /// The next message. @return false at the end of the file, and where nothing more can be read.
  [[nodiscard]] bool next(netlink_message& out) noexcept;

  /// The first fault met so far, and where in the file. A packet with a fault is left at it, and
  /// reading goes on with the next one; what cannot be found again ends the file.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] std::size_t error_offset() const noexcept { return error_at_; }
  /// The latest one.
  [[nodiscard]] std::error_code latest_error() const noexcept { return latest_error_; }
  [[nodiscard]] std::size_t latest_offset() const noexcept { return latest_at_; }

  [[nodiscard]] bool is_pcap() const noexcept { return pcap_; }
  /// Packets read (0 without pcap), of them those of other netlink protocols.
  [[nodiscard]] std::uint64_t packets() const noexcept { return packets_; }
  [[nodiscard]] std::uint64_t other_packets() const noexcept { return other_packets_; }
  /// Faults met: packets and messages that could not be read.
  [[nodiscard]] std::uint64_t faults() const noexcept { return faults_; }

 private:
  [[nodiscard]] bool next_packet() noexcept;
  [[nodiscard]] std::uint32_t file_u32(std::size_t at) const noexcept;
  void fault(capture_errc e, std::size_t at) noexcept;

  bytes_view file_;
  bool pcap_ = false;
  bool swapped_ = false;  // the pcap headers are in the other byte order
  bool nanoseconds_ = false;
  std::size_t at_ = 0;  // of the next packet
  std::size_t message_at_ = 0;
  std::size_t datagram_end_ = 0;
  std::int64_t time_ns_ = 0;
  std::error_code error_;
  std::size_t error_at_ = 0;
  std::error_code latest_error_;
  std::size_t latest_at_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t other_packets_ = 0;
  std::uint64_t faults_ = 0;
};

}  // namespace tcpinfo::offline

template <>
struct std::is_error_code_enum<tcpinfo::offline::capture_errc> : std::true_type {};

#endif
