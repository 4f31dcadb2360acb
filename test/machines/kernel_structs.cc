// SPDX-License-Identifier: Apache-2.0
//
// Messages put together from the structs of the kernel's own headers, as the compiler of this
// machine lays them out: what a kernel here sends. Every field must read as what was assigned to
// it.
//
// usage: kernel_structs [DIR]   DIR: writes the messages there as archives and captures as well,
// for other machines to read (machines.py). The values are the same on every machine.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>
#include <tcpinfo/zstd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tcpinfo;

constexpr std::uint64_t cookie = 0x0123456789abcdef;
constexpr std::uint32_t records = 40;  // of an archive

// What Linux 6.18 and 7.0 have behind tcpi_snd_wnd; the headers here may be older.
struct newer_info {
  __u32 tcpi_rcv_wnd, tcpi_rehash;
  __u16 tcpi_total_rto, tcpi_total_rto_recoveries;
  __u32 tcpi_total_rto_time, tcpi_received_ce;
  __u32 tcpi_delivered_e1_bytes, tcpi_delivered_e0_bytes, tcpi_delivered_ce_bytes;
  __u32 tcpi_received_e1_bytes, tcpi_received_e0_bytes, tcpi_received_ce_bytes;
};
struct last_word_a {
  __u16 tcpi_accecn_fail_mode_a, tcpi_accecn_opt_seen_a;
};
struct last_word_b {
  __u32 tcpi_ecn_mode : 2, tcpi_accecn_opt_seen : 2, tcpi_accecn_fail_mode : 4, tcpi_options2 : 24;
};
constexpr std::size_t newer_at = 232;
constexpr std::size_t last_word_at = 276;
static_assert(sizeof(tcp_info) >= newer_at);
static_assert(newer_at + sizeof(newer_info) == last_word_at);
static_assert(sizeof(last_word_a) == 4 && sizeof(last_word_b) == 4);

// Another number for each place; it rises from one record to the next, as counters do.
std::uint64_t number_at(std::size_t at, std::size_t bits, std::uint32_t record) {
  const std::uint64_t v = at * 0x0011223300e1d2c3U + record + 1;
  return bits < 64 ? v & ((std::uint64_t{1} << bits) - 1) : v;
}

// A member's number is that of its place in tcp_info, so that one never reads as another.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#define TCPINFO_TCP_FIELD(name, at, size, shift, bits, ...)         \
  template <class T>                                                \
  void set_##name(T& t, std::uint32_t record) {                     \
    if constexpr (requires { t.tcpi_##name; })                      \
      t.tcpi_##name = number_at((at)*32 + (shift), (bits), record); \
  }                                                                 \
  template <class T>                                                \
  bool get_##name(const T& t, std::uint64_t& out) {                 \
    if constexpr (requires { t.tcpi_##name; }) {                    \
      out = t.tcpi_##name;                                          \
      return true;                                                  \
    } else {                                                        \
      return false;                                                 \
    }                                                               \
  }
#include <tcpinfo/tcp_info_fields.def>
#pragma GCC diagnostic pop

template <class T>
void set_all(T& t, std::uint32_t record) {
#define TCPINFO_TCP_FIELD(name, ...) set_##name(t, record);
#include <tcpinfo/tcp_info_fields.def>
}

// Calls `check(name, field, value)` for each member that the struct has.
template <class T, class F>
void each_member(const T& t, F&& check) {
  std::uint64_t v = 0;
#define TCPINFO_TCP_FIELD(name, ...) \
  if (get_##name(t, v)) check(#name, field(tcp_field::name), v);
#include <tcpinfo/tcp_info_fields.def>
}

void add(std::string& to, unsigned type, std::string_view payload) {
  nlattr head{};
  head.nla_len = static_cast<__u16>(sizeof head + payload.size());
  head.nla_type = static_cast<__u16>(type);
  to.append(reinterpret_cast<const char*>(&head), sizeof head).append(payload);
  to.resize((to.size() + 3) / 4 * 4);
}

template <class T>
std::string_view bytes_of(const T& t) {
  return {reinterpret_cast<const char*>(&t), sizeof t};
}

struct expectation {
  std::string_view name;
  field_id id;
  std::uint64_t value;
};

struct built {
  std::string bytes;
  std::vector<expectation> fields;

  [[nodiscard]] message view() const { return {std::as_bytes(std::span(bytes))}; }
};

__be16 network_order(unsigned port) {
  const unsigned char two[2] = {static_cast<unsigned char>(port >> 8U),
                                static_cast<unsigned char>(port & 0xffU)};
  __be16 out;
  std::memcpy(&out, two, sizeof out);
  return out;
}

class builder {
 public:
  builder(std::uint32_t record, info_layout layout) : record_(record), layout_(layout) {}

  built build() {
    header();
    memory();
    info();
    congestion();
    options();
    upper_layer();
    return std::move(out_);
  }

 private:
  // A value to assign, which the field must have then.
  template <class T>
  void set(T& to, std::string_view name, field_id id) {
    to = static_cast<T>(number_at(++places_ * 1000, sizeof(T) * 8, record_));
    out_.fields.push_back({name, id, to});
  }
#define SET(member, id) set(member, #id, field_id::id)

  void header() {
    inet_diag_msg m{};
    const bool six = layout_ == info_layout::b;
    m.idiag_family = six ? 10 : 2;
    m.idiag_state = 1;
    SET(m.idiag_timer, timer);
    SET(m.idiag_retrans, retrans);
    m.id.idiag_sport = network_order(50123);
    m.id.idiag_dport = network_order(443);
    for (unsigned i = 0; i < (six ? 16U : 4U); ++i) {
      reinterpret_cast<unsigned char*>(m.id.idiag_src)[i] = static_cast<unsigned char>(32 + i);
      reinterpret_cast<unsigned char*>(m.id.idiag_dst)[i] = static_cast<unsigned char>(64 + i);
    }
    m.id.idiag_if = 0x01020304;
    m.id.idiag_cookie[0] = static_cast<__u32>(cookie);
    m.id.idiag_cookie[1] = static_cast<__u32>(cookie >> 32U);
    SET(m.idiag_expires, expires);
    SET(m.idiag_rqueue, rqueue);
    SET(m.idiag_wqueue, wqueue);
    SET(m.idiag_uid, uid);
    SET(m.idiag_inode, inode);
    for (const expectation& e : {expectation{"family", field_id::family, m.idiag_family},
                                 {"state", field_id::state, 1},
                                 {"sport", field_id::sport, 50123},
                                 {"dport", field_id::dport, 443},
                                 {"interface", field_id::interface, 0x01020304},
                                 {"cookie", field_id::cookie, cookie}})
      out_.fields.push_back(e);
    out_.bytes = bytes_of(m);
  }

  void memory() {
    inet_diag_meminfo m{};
    SET(m.idiag_rmem, mem_rmem);
    SET(m.idiag_wmem, mem_wmem);
    SET(m.idiag_fmem, mem_fmem);
    SET(m.idiag_tmem, mem_tmem);
    add(out_.bytes, INET_DIAG_MEMINFO, bytes_of(m));
    __u32 s[9]{};
    SET(s[0], skmem_rmem_alloc);
    SET(s[1], skmem_rcvbuf);
    SET(s[2], skmem_wmem_alloc);
    SET(s[3], skmem_sndbuf);
    SET(s[4], skmem_fwd_alloc);
    SET(s[5], skmem_wmem_queued);
    SET(s[6], skmem_optmem);
    SET(s[7], skmem_backlog);
    SET(s[8], skmem_drops);
    add(out_.bytes, INET_DIAG_SKMEMINFO, bytes_of(s));
  }

  void info() {
    tcp_info oldest{};
    newer_info newer{};
    last_word_a a{};
    last_word_b b{};
    set_all(oldest, record_);
    oldest.tcpi_state = 1;
    oldest.tcpi_ca_state = static_cast<__u8>(record_ % 5);
    set_all(newer, record_);
    set_all(a, record_);
    set_all(b, record_);
    std::string bytes(bytes_of(oldest).substr(0, newer_at));
    bytes += bytes_of(newer);
    const auto expect = [this](std::string_view name, field_id id, std::uint64_t v) {
      if (describe(id).offset() < newer_at || newer_) out_.fields.push_back({name, id, v});
    };
    each_member(oldest, expect);
    newer_ = true;
    each_member(newer, expect);
    if (layout_ == info_layout::a) {
      bytes += bytes_of(a);
      each_member(a, expect);
    } else if (layout_ == info_layout::b) {
      bytes += bytes_of(b);
      each_member(b, expect);
    }
    add(out_.bytes, INET_DIAG_INFO, bytes);
  }

  void congestion() {
    tcpvegas_info vegas{};
    SET(vegas.tcpv_enabled, vegas_enabled);
    SET(vegas.tcpv_rttcnt, vegas_rttcnt);
    SET(vegas.tcpv_rtt, vegas_rtt);
    SET(vegas.tcpv_minrtt, vegas_minrtt);
    add(out_.bytes, INET_DIAG_VEGASINFO, bytes_of(vegas));
    add(out_.bytes, INET_DIAG_CONG, std::string_view("cubic\0", 6));
    tcp_dctcp_info dctcp{};
    SET(dctcp.dctcp_enabled, dctcp_enabled);
    SET(dctcp.dctcp_ce_state, dctcp_ce_state);
    SET(dctcp.dctcp_alpha, dctcp_alpha);
    SET(dctcp.dctcp_ab_ecn, dctcp_ab_ecn);
    SET(dctcp.dctcp_ab_tot, dctcp_ab_tot);
    add(out_.bytes, INET_DIAG_DCTCPINFO, bytes_of(dctcp));
    tcp_bbr_info bbr{};
    bbr.bbr_bw_lo = 0x12345678;
    bbr.bbr_bw_hi = record_ + 1;
    out_.fields.push_back(
        {"bbr_bw", field_id::bbr_bw, std::uint64_t{bbr.bbr_bw_hi} << 32U | bbr.bbr_bw_lo});
    SET(bbr.bbr_min_rtt, bbr_min_rtt);
    SET(bbr.bbr_pacing_gain, bbr_pacing_gain);
    SET(bbr.bbr_cwnd_gain, bbr_cwnd_gain);
    add(out_.bytes, INET_DIAG_BBRINFO, bytes_of(bbr));
  }

  template <class T>
  void single(unsigned type, std::string_view name, field_id id) {
    T v{};
    set(v, name, id);
    add(out_.bytes, type, bytes_of(v));
  }
#define SINGLE(type, T, id) single<T>(type, #id, field_id::id)

  void options() {
    SINGLE(INET_DIAG_TOS, __u8, tos);
    SINGLE(INET_DIAG_TCLASS, __u8, tclass);
    SINGLE(INET_DIAG_SHUTDOWN, __u8, shutdown);
    SINGLE(INET_DIAG_PROTOCOL, __u8, protocol);
    SINGLE(INET_DIAG_SKV6ONLY, __u8, skv6only);
    SINGLE(INET_DIAG_MARK, __u32, mark);
    SINGLE(INET_DIAG_CLASS_ID, __u32, class_id);
    SINGLE(INET_DIAG_CGROUP_ID, __u64, cgroup_id);
    inet_diag_sockopt o{};
    // A bit of the record's number each, so that each is set in some and not in others.
    const auto bit = [this](unsigned n) { return (record_ + 1) * 0x9e37U >> n & 1U; };
#define OPTION(member, n) \
  o.member = bit(n) & 1U; \
  out_.fields.push_back({#member, field_id::sockopt_##member, bit(n)});
    OPTION(recverr, 0)
    OPTION(is_icsk, 1)
    OPTION(freebind, 2)
    OPTION(hdrincl, 3)
    OPTION(mc_loop, 4)
    OPTION(transparent, 5)
    OPTION(mc_all, 6)
    OPTION(nodefrag, 7)
    OPTION(bind_address_no_port, 8)
    OPTION(recverr_rfc4884, 9)
    OPTION(defer_connect, 10)
    add(out_.bytes, INET_DIAG_SOCKOPT, bytes_of(o));
  }

  // Attributes of <linux/mptcp.h> and <linux/tls.h>, by their numbers there.
  void upper_layer() {
    std::string outer;
    std::string inner;
    const bool mptcp = layout_ != info_layout::a;
    add(outer, INET_ULP_INFO_NAME,
        mptcp ? std::string_view("mptcp\0", 6) : std::string_view("tls\0", 4));
    const auto value = [&]<class T>(T v, unsigned type, std::string_view name, field_id id) {
      set(v, name, id);
      add(inner, type, bytes_of(v));
    };
#define VALUE(T, type, id) value(T{}, type, #id, field_id::id)
    if (mptcp) {
      VALUE(__u32, 1, mptcp_token_rem);
      VALUE(__u32, 2, mptcp_token_loc);
      VALUE(__u32, 3, mptcp_relwrite_seq);
      VALUE(__u64, 4, mptcp_map_seq);
      VALUE(__u32, 5, mptcp_map_sfseq);
      VALUE(__u32, 6, mptcp_ssn_offset);
      VALUE(__u16, 7, mptcp_map_datalen);
      // The kernel sets them by masks (MPTCP_SUBFLOW_FLAG_*): no bit fields.
      const __u32 flags = (record_ + 1) * 0x9e37U & 0x1ffU;
      add(inner, 8, bytes_of(flags));
      static constexpr field_id in_order[] = {
          field_id::mptcp_mcap_rem,          field_id::mptcp_mcap_loc,  field_id::mptcp_join_rem,
          field_id::mptcp_join_loc,          field_id::mptcp_bkup_rem,  field_id::mptcp_bkup_loc,
          field_id::mptcp_fully_established, field_id::mptcp_connected, field_id::mptcp_mapvalid};
      for (unsigned i = 0; i < std::size(in_order); ++i)
        out_.fields.push_back({"a flag of MPTCP", in_order[i], flags >> i & 1U});
      VALUE(__u8, 9, mptcp_id_rem);
      VALUE(__u8, 10, mptcp_id_loc);
    } else {
      VALUE(__u16, 1, tls_version);
      VALUE(__u16, 2, tls_cipher);
      VALUE(__u16, 3, tls_txconf);
      VALUE(__u16, 4, tls_rxconf);
      VALUE(__u16, 7, tls_tx_max_payload_len);
    }
    add(outer, (mptcp ? INET_ULP_INFO_MPTCP : INET_ULP_INFO_TLS) | NLA_F_NESTED, inner);
    add(out_.bytes, INET_DIAG_ULP_INFO | NLA_F_NESTED, outer);
  }

  std::uint32_t record_;
  info_layout layout_;
  built out_;
  std::size_t places_ = 0;
  bool newer_ = false;
};

std::size_t values = 0;
std::size_t failures = 0;

void check(const built& b, info_layout layout) {
  snapshot s;
  if (s.decode(b.view(), layout)) {
    ++failures;
    return;
  }
  for (const expectation& e : b.fields) {
    std::uint64_t v = 0;
    ++values;
    const bool there = s.value(e.id, v);
    if (there && v == e.value) continue;
    ++failures;
    std::printf("FAILED: %.*s reads as %s%" PRIx64 ", not %" PRIx64 "\n",
                static_cast<int>(e.name.size()), e.name.data(), there ? "" : "nothing, ", v,
                e.value);
  }
  if (b.view().cookie() != cookie || b.view().sport() != 50123 || b.view().dport() != 443) {
    ++failures;
    std::printf("FAILED: cookie or ports\n");
  }
}

void write_file(const std::string& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (out.flush()) return;
  ++failures;
  std::printf("FAILED: %s cannot be written\n", path.c_str());
}

// As tcpinfo-collect writes one: metadata and records, in two frames.
void write_archive(const std::string& folder, const std::vector<built>& all,
                   std::string_view kernel) {
  metadata first;
  const std::string uuid = "made_1700000000_0123456789ABCDEF";
  first.uuid = uuid;
  first.start_time = {1'700'000'000, 0, 0};
  first.kernel = kernel;
  first.run = "made";
  std::string line(max_metadata_size(first), '\0');
  std::size_t n = 0;
  bool bad = static_cast<bool>(encode_metadata(line, n, first));
  std::string text = line.substr(0, n);
  frame_writer writer;
  bad = bad || writer.create(3);
  std::string file;
  const auto flush = [&] {
    std::vector<std::byte> frame(frame_writer::bound(text.size()));
    bad = bad || writer.compress(std::as_bytes(std::span(text)), frame, n);
    file.append(reinterpret_cast<const char*>(frame.data()), n);
    text.clear();
  };
  record_encoder encoder;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const message m = all[i].view();
    line.resize(max_record_size(m));
    const timestamp time{1'700'000'000 + static_cast<std::int64_t>(i), 5'000'000, 0};
    bad = bad || encoder.encode(line, n, time, m, i + 1);
    text.append(line, 0, n);
    if (i == all.size() / 2) flush();
  }
  flush();
  if (bad) {
    ++failures;
    std::printf("FAILED: an archive cannot be made\n");
  }
  write_file(folder + "/" + std::string(kernel) + "/" + uuid + ".00000.jsonl.zst", file);
}

// The same as netlink messages, bare and in a pcap file (link type 253), as tcpdump here writes it.
void write_captures(const std::string& folder, const std::vector<built>& all) {
  std::string bare;
  const std::uint32_t file_header[6] = {0xa1b2c3d4, 0, 0, 0, 65535, 253};
  std::string pcap(bytes_of(file_header));
  const std::uint16_t version[2] = {2, 4};
  std::memcpy(pcap.data() + 4, version, sizeof version);
  std::uint32_t second = 1'700'000'000;
  for (const built& b : all) {
    nlmsghdr head{};
    head.nlmsg_len = static_cast<__u32>(sizeof head + b.bytes.size());
    head.nlmsg_type = 20;  // SOCK_DIAG_BY_FAMILY
    head.nlmsg_flags = NLM_F_MULTI;
    const std::string datagram = std::string(bytes_of(head)) + b.bytes;
    bare += datagram;
    const auto size = static_cast<std::uint32_t>(16 + datagram.size());
    const std::uint32_t packet[4] = {second++, 5000, size, size};
    pcap += bytes_of(packet);
    pcap += std::string("\0\4\3\x38\0\0\0\0\0\0\0\0\0\0\0\4", 16);  // network order
    pcap += datagram;
  }
  write_file(folder + "/messages", bare);
  write_file(folder + "/capture.pcap", pcap);
}

}  // namespace

int main(int argc, char** argv) {
  struct kind {
    const char* kernel;
    info_layout layout;
  };
  for (const kind& k : {kind{"6.1.0", info_layout::unknown}, kind{"6.18.1", info_layout::a},
                        kind{"7.0.3", info_layout::b}}) {
    std::vector<built> all;
    for (std::uint32_t i = 0; i < records; ++i) {
      all.push_back(builder(i, k.layout).build());
      check(all.back(), k.layout);
    }
    if (argc < 2) continue;
    write_archive(argv[1], all, k.kernel);
    if (k.layout == info_layout::unknown) write_captures(argv[1], all);
  }
  std::printf("%zu values, %zu failures\n", values, failures);
  return failures == 0 ? 0 : 1;
}
