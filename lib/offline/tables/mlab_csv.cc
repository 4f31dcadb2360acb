// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/mlab_csv.h"

#include <array>
#include <bit>

#include "common/decimal.h"
#include "offline/inputs/captures/byte_order.h"

namespace tcpinfo::offline {
namespace {

// `TCP.LastDataRecv` twice (the second is the last acknowledgement) and `Sndbug`: as published.
constexpr std::string_view header_line =
    "Timestamp,Observed,NotFullyParsed,IDM.Family,IDM.State,IDM.Timer,IDM.Retrans,"
    "IDM.SockID.SPort,IDM.SockID.DPort,IDM.SockID.Src,IDM.SockID.Dst,IDM.SockID.Interface,"
    "IDM.SockID.Cookie,IDM.Expires,IDM.Rqueue,IDM.Wqueue,IDM.UID,IDM.Inode,CongestionAlgorithm,"
    "TOS,TClass,ClassID,Shutdown,Protocol,Mark,TCP.State,TCP.CAState,TCP.Retransmits,TCP.Probes,"
    "TCP.Backoff,TCP.Options,TCP.WScale,TCP.AppLimited,TCP.RTO,TCP.ATO,TCP.SndMSS,TCP.RcvMSS,"
    "TCP.Unacked,TCP.Sacked,TCP.Lost,TCP.Retrans,TCP.Fackets,TCP.LastDataSent,TCP.LastAckSent,"
    "TCP.LastDataRecv,TCP.LastDataRecv,TCP.PMTU,TCP.RcvSsThresh,TCP.RTT,TCP.RTTVar,"
    "TCP.SndSsThresh,TCP.SndCwnd,TCP.AdvMSS,TCP.Reordering,TCP.RcvRTT,TCP.RcvSpace,"
    "TCP.TotalRetrans,TCP.PacingRate,TCP.MaxPacingRate,TCP.BytesAcked,TCP.BytesReceived,"
    "TCP.SegsOut,TCP.SegsIn,TCP.NotsentBytes,TCP.MinRTT,TCP.DataSegsIn,TCP.DataSegsOut,"
    "TCP.DeliveryRate,TCP.BusyTime,TCP.RWndLimited,TCP.SndBufLimited,TCP.Delivered,"
    "TCP.DeliveredCE,TCP.BytesSent,TCP.BytesRetrans,TCP.DSackDups,TCP.ReordSeen,TCP.RcvOooPack,"
    "TCP.SndWnd,MemInfo.Rmem,MemInfo.Wmem,MemInfo.Fmem,MemInfo.Tmem,SKMemInfo.RmemAlloc,"
    "SKMemInfo.Rcvbuf,SKMemInfo.WmemAlloc,SKMemInfo.Sndbug,SKMemInfo.FwdAlloc,"
    "SKMemInfo.WmemQueued,SKMemInfo.Optmem,SKMemInfo.Backlog,SKMemInfo.Drops,Vegas.Enabled,"
    "Vegas.RTTCount,Vegas.RTT,Vegas.MinRTT,DCTCP.Enabled,DCTCP.CEState,DCTCP.Alpha,DCTCP.ABEcn,"
    "DCTCP.ABTot,BBR.BW,BBR.MinRTT,BBR.PacingGain,BBR.CwndGain\n";

// All cells but the text of the congestion algorithm: 105 numbers and addresses.
constexpr std::size_t max_fixed_row = 105 * 24 + 128;

constexpr std::size_t idm_cells = 15;
constexpr std::size_t tcp_cells = 54;

// What M-Lab's structs hold; a longer payload counts as not fully parsed, a shorter one is
// padded with zeros.
constexpr std::size_t info_size = 232;
constexpr std::size_t skmem_size = 36;
constexpr std::size_t words_size = 16;  // MEMINFO, VEGAS, DCTCP
constexpr std::size_t bbr_size = 24;
constexpr std::size_t mark_size = 4;

// M-Lab's reader knows little-endian machines only: payloads are read as theirs, wherever this
// runs.
template <class T>
T load(const std::byte* from) noexcept {
  T v = 0;
  if constexpr (std::endian::native == std::endian::little)
    v = wire::load<T>(from);
  else
    for (std::size_t i = sizeof(T); i-- > 0;)
      v = static_cast<T>(v << 8U | static_cast<std::uint8_t>(from[i]));
  return v;
}

constexpr unsigned number_of(attribute_type t) noexcept { return static_cast<unsigned>(t); }

char* put(char* to, std::string_view text) noexcept {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* commas(char* to, std::size_t n) noexcept {
  std::memset(to, ',', n);
  return to + n;
}

char* u32(char* to, std::uint32_t v) noexcept {
  to = write_decimal(to, v);
  *to++ = ',';
  return to;
}

// Counters and rates are signed to M-Lab's reader.
char* i64(char* to, std::uint64_t v) noexcept {
  if (static_cast<std::int64_t>(v) < 0) {
    *to++ = '-';
    v = 0 - v;
  }
  to = write_decimal(to, v);
  *to++ = ',';
  return to;
}

char* i32(char* to, std::uint32_t v) noexcept {
  if (static_cast<std::int32_t>(v) < 0) {
    *to++ = '-';
    v = 0 - v;
  }
  return u32(to, v);
}

char* u8s(char* to, const std::byte* from, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) to = u32(to, static_cast<std::uint8_t>(from[i]));
  return to;
}

char* u32s(char* to, const std::byte* from, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) to = u32(to, load<std::uint32_t>(from + 4 * i));
  return to;
}

char* i64s(char* to, const std::byte* from, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) to = i64(to, load<std::uint64_t>(from + 8 * i));
  return to;
}

char* hex(char* to, std::uint32_t v, char digits_from) noexcept {
  char text[8];
  std::size_t n = 0;
  do {
    const std::uint32_t digit = v & 15U;
    text[n++] = static_cast<char>(digit < 10 ? '0' + digit
                                             : static_cast<unsigned>(digits_from) + digit - 10);
    v >>= 4U;
  } while (v != 0);
  while (n > 0) *to++ = text[--n];
  return to;
}

char* quad(char* to, const std::uint8_t* b) noexcept {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) *to++ = '.';
    to = write_decimal(to, std::uint32_t{b[i]});
  }
  return to;
}

// RFC 5952, and no dotted quad but in IPv4-mapped addresses; inet_ntop has more of them.
char* address_v6(char* to, const std::uint8_t* b) noexcept {
  std::array<std::uint32_t, 8> words;
  for (std::size_t i = 0; i < 8; ++i)
    words[i] = static_cast<std::uint32_t>(b[2 * i]) << 8U | b[2 * i + 1];
  std::size_t best = 8;
  std::size_t best_size = 1;  // one zero alone is written out
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t n = 0;
    while (i + n < 8 && words[i + n] == 0) ++n;
    if (n > best_size) {
      best = i;
      best_size = n;
    }
  }
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      to = put(to, "::");
      i += best_size - 1;
      continue;
    }
    if (i != 0 && i != best + best_size) *to++ = ':';
    to = hex(to, words[i], 'a');
  }
  return to;
}

// The family plays no part: twelve zeros behind four bytes make an IPv4 address.
char* address(char* to, const std::byte* from) noexcept {
  static constexpr std::uint8_t zeros[12] = {};
  static constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::uint8_t b[16];
  std::memcpy(b, from, sizeof b);
  if (std::memcmp(b + 4, zeros, sizeof zeros) == 0) return quad(to, b);
  if (std::memcmp(b, mapped, sizeof mapped) == 0) return quad(to, b + 12);
  return address_v6(to, b);
}

std::uint32_t big_endian(const std::byte* from, std::size_t n) noexcept {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < n; ++i) v = v << 8U | static_cast<std::uint32_t>(from[i]);
  return v;
}

// Go's unicode.IsSpace of the first character: its CSV writer quotes such texts.
bool begins_with_space(std::string_view text) noexcept {
  const auto c = static_cast<std::uint8_t>(text[0]);
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  for (const std::string_view space :
       {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
        "\xe2\x81\x9f", "\xe3\x80\x80"})
    if (text.starts_with(space)) return true;
  return text.size() > 2 && text.starts_with("\xe2\x80") &&
         static_cast<std::uint8_t>(text[2]) >= 0x80 && static_cast<std::uint8_t>(text[2]) <= 0x8a;
}

char* text_cell(char* to, std::string_view text) noexcept {
  const bool quoted = !text.empty() && (text.find_first_of(",\"\r\n") != std::string_view::npos ||
                                        text == "\\." || begins_with_space(text));
  if (!quoted) return put(to, text);
  *to++ = '"';
  for (const char c : text) {
    if (c == '"') *to++ = '"';
    *to++ = c;
  }
  *to++ = '"';
  return to;
}

// As memcmp(), without a call.
template <std::size_t Size>
bool are_same(const std::byte* a, const std::byte* b) noexcept {
  static_assert(Size % 4 == 0);
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i + 8 <= Size; i += 8)
    difference |= wire::load<std::uint64_t>(a + i) ^ wire::load<std::uint64_t>(b + i);
  if constexpr (Size % 8 != 0)
    difference |= wire::load<std::uint32_t>(a + Size - 4) ^ wire::load<std::uint32_t>(b + Size - 4);
  return difference == 0;
}

// A payload at least as long as M-Lab's struct.
template <std::size_t Size>
class padded {
 public:
  explicit padded(bytes_view payload) noexcept : from_(payload.data()) {
    if (payload.size() >= Size) return;
    std::memset(copy_, 0, Size);
    if (!payload.empty()) std::memcpy(copy_, payload.data(), payload.size());
    from_ = copy_;
  }
  padded(const padded&) = delete;
  padded& operator=(const padded&) = delete;
  [[nodiscard]] const std::byte* get() const noexcept { return from_; }

 private:
  const std::byte* from_;
  std::byte copy_[Size];
};

}  // namespace

template <std::size_t Size, class Write>
char* mlab_csv::cells(known_cells& known, const std::byte* from, char* to, Write write) {
  static_assert(Size <= known_cells::max_bytes);
  if (known.size != 0 && are_same<Size>(known.bytes, from)) {
    // Of a fixed size, beyond the end: the rest of the row has room.
    std::memcpy(to, known.text, known_cells::max_text);
    return to + known.size;
  }
  char* const end = write(to, from);
  std::memcpy(known.bytes, from, Size);
  known.size = static_cast<std::size_t>(end - to);
  std::memcpy(known.text, to, known_cells::max_text);
  return end;
}

char* mlab_csv::write_info(bytes_view payload, char* to) {
  const padded<info_size> info(payload);
  const std::byte* b = info.get();
  const auto words = [](char* at, const std::byte* from) { return u32s(at, from, 8); };
  const auto longs = [](char* at, const std::byte* from) { return i64s(at, from, 4); };
  to = cells<8>(info_[0], b, to, [](char* at, const std::byte* f) { return u8s(at, f, 8); });
  to = cells<32>(info_[1], b + 8, to, words);
  to = cells<32>(info_[2], b + 40, to, words);
  to = cells<32>(info_[3], b + 72, to, words);
  to = cells<32>(info_[4], b + 104, to, longs);
  to = cells<24>(info_[5], b + 136, to, [](char* at, const std::byte* f) {
    at = i32(at, load<std::uint32_t>(f));
    at = i32(at, load<std::uint32_t>(f + 4));
    return u32s(at, f + 8, 4);
  });
  to = cells<32>(info_[6], b + 160, to, longs);
  to = u32s(to, b + 192, 2);
  return cells<32>(info_[7], b + 200, to,
                   [](char* at, const std::byte* f) { return u32s(i64s(at, f, 2), f + 16, 4); });
}

// The attributes of a message as M-Lab's reader sorts them.
struct mlab_csv::groups {
  std::uint32_t observed = 0;
  std::uint32_t unparsed = 0;
  std::uint32_t present = 0;  // bit of the type, up to BBRINFO and CLASS_ID
  std::array<bytes_view, 18> payload;
  std::uint32_t tos = 0, tclass = 0, class_id = 0, shutdown = 0, protocol = 0, mark = 0;

  [[nodiscard]] bool has(attribute_type t) const noexcept {
    return (present >> number_of(t) & 1U) != 0;
  }
  [[nodiscard]] bytes_view of(attribute_type t) const noexcept { return payload[number_of(t)]; }

  void take(const attribute& a) noexcept {
    if (a.type == 0 || a.type > 32) return;
    const std::uint32_t bit = std::uint32_t{1} << (a.type - 1U);
    observed |= bit;
    if (a.type < payload.size()) {
      present |= std::uint32_t{1} << a.type;
      payload[a.type] = a.payload;
    }
    if (!parse(a)) unparsed |= bit;
  }

 private:
  static bool byte(bytes_view from, std::uint32_t& to) noexcept {
    if (from.empty()) return false;
    to = static_cast<std::uint8_t>(from[0]);
    return true;
  }

  // Whether M-Lab's reader calls it fully parsed.
  bool parse(const attribute& a) noexcept {
    switch (static_cast<attribute_type>(a.type)) {
      case attribute_type::info:
        return a.payload.size() <= info_size;
      case attribute_type::skmeminfo:
        return a.payload.size() <= skmem_size;
      case attribute_type::meminfo:
      case attribute_type::vegasinfo:
      case attribute_type::dctcpinfo:
        return a.payload.size() <= words_size;
      case attribute_type::bbrinfo:
        return a.payload.size() <= bbr_size;
      case attribute_type::cong:
        return true;
      case attribute_type::tos:
        return byte(a.payload, tos);
      case attribute_type::tclass:
        return byte(a.payload, tclass);
      case attribute_type::class_id:
        return byte(a.payload, class_id);
      case attribute_type::shutdown:
        return byte(a.payload, shutdown);
      case attribute_type::protocol:
        return byte(a.payload, protocol);
      case attribute_type::mark:
        if (a.payload.size() != mark_size) return false;
        mark = load<std::uint32_t>(a.payload.data());
        return true;
      default:
        return false;
    }
  }
};

std::string_view mlab_csv::header() noexcept { return header_line; }

std::size_t mlab_csv::max_row_size(const input_record& r) noexcept {
  // No text is longer than its message; doubled for quotes.
  return max_fixed_row + 2 * r.m.bytes.size();
}

char* mlab_csv::write_ends(const message& m, char* to) {
  const std::byte* from = m.bytes.data() + wire::sport_at;
  if (ends_text_.empty() || std::memcmp(ends_, from, ends_size) != 0) {
    std::memcpy(ends_, from, ends_size);
    char text[192];
    char* at = u32(text, m.sport());
    at = u32(at, m.dport());
    at = address(at, m.bytes.data() + wire::src_at);
    *at++ = ',';
    at = address(at, m.bytes.data() + wire::dst_at);
    *at++ = ',';
    at = u32(at, big_endian(m.bytes.data() + wire::interface_at, 4));
    const std::uint64_t cookie = load<std::uint64_t>(m.bytes.data() + wire::cookie_at);
    if (cookie >> 32U != 0) {
      at = hex(at, static_cast<std::uint32_t>(cookie >> 32U), 'A');
      for (unsigned shift = 32; shift != 0; shift -= 4)
        *at++ = "0123456789ABCDEF"[cookie >> (shift - 4) & 15U];
    } else {
      at = hex(at, static_cast<std::uint32_t>(cookie), 'A');
    }
    *at++ = ',';
    ends_text_.assign(text, at);
  }
  return put(to, ends_text_);
}

char* mlab_csv::write_message(const message& given, info_layout layout, char* to) {
  groups g;
  message m = given;
  if constexpr (std::endian::native == std::endian::big)
    if (!given.bytes.empty()) m = turn_byte_order(given, layout, little_endian_, turn::to_theirs);
  if (!m.bytes.empty()) {
    const attribute_range range = m.attributes();
    for (auto it = range.begin(); it != range.end(); ++it) g.take(*it);
  }
  to = u32(to, g.observed);
  to = u32(to, g.unparsed);
  if (m.bytes.empty()) {
    to = commas(to, idm_cells);
  } else {
    to = u8s(to, m.bytes.data(), 4);
    to = write_ends(m, to);
    to = cells<20>(idm_tail_, m.bytes.data() + wire::expires_at, to,
                   [](char* at, const std::byte* f) { return u32s(at, f, 5); });
  }
  if (const bytes_view name = g.of(attribute_type::cong); !name.empty())
    to = text_cell(to, {reinterpret_cast<const char*>(name.data()), name.size() - 1});
  *to++ = ',';
  for (const std::uint32_t v : {g.tos, g.tclass, g.class_id, g.shutdown, g.protocol, g.mark})
    to = u32(to, v);
  if (g.has(attribute_type::info))
    to = write_info(g.of(attribute_type::info), to);
  else
    to = commas(to, tcp_cells);
  const auto words = [&]<std::size_t N>(attribute_type t, std::integral_constant<std::size_t, N>) {
    if (g.has(t))
      to = u32s(to, padded<4 * N>(g.of(t)).get(), N);
    else
      to = commas(to, N);
  };
  words(attribute_type::meminfo, std::integral_constant<std::size_t, 4>());
  if (g.has(attribute_type::skmeminfo)) {
    const padded<skmem_size> skmem(g.of(attribute_type::skmeminfo));
    to = cells<32>(skmem_, skmem.get(), to,
                   [](char* at, const std::byte* f) { return u32s(at, f, 8); });
    to = u32s(to, skmem.get() + 32, 1);
  } else {
    to = commas(to, 9);
  }
  words(attribute_type::vegasinfo, std::integral_constant<std::size_t, 4>());
  if (g.has(attribute_type::dctcpinfo)) {
    const padded<words_size> dctcp(g.of(attribute_type::dctcpinfo));
    to = u32(to, load<std::uint16_t>(dctcp.get()));
    to = u32(to, load<std::uint16_t>(dctcp.get() + 2));
    to = u32s(to, dctcp.get() + 4, 3);
  } else {
    to = commas(to, 5);
  }
  if (g.has(attribute_type::bbrinfo)) {
    const padded<bbr_size> bbr(g.of(attribute_type::bbrinfo));
    to = i64s(to, bbr.get(), 1);
    to = u32s(to, bbr.get() + 8, 3);
  } else {
    to = commas(to, 4);
  }
  return to;
}

char* mlab_csv::write(const input_record& r, char* to) {
  if (r.time.is_zero())
    to = put(to, "2009-05-29T23:59:59Z");
  else
    to += format_timestamp(r.time, {to, max_timestamp_size});
  *to++ = ',';
  to = write_message(r.has_message ? r.m : message{},
                     r.context ? r.context->layout : info_layout::unknown, to);
  to[-1] = '\n';  // in place of the last comma
  return to;
}

}  // namespace tcpinfo::offline
