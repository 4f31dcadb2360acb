// SPDX-License-Identifier: Apache-2.0
//
// Holds decoded kernel captures against the text that ss printed for the same sockets. Every answer
// of every capture must decode; and every value ss prints is made anew from the decoded message, in
// ss's own form, and compared as text: what ss prints and we do not, or the other way round, is a
// mismatch like a different value.
//
// usage: ss_compare [CORPUS-DIR [-v]]   exit status 77 (skipped) where the corpus is absent
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "offline/inputs/captures/byte_order.h"
#include "offline/inputs/captures/capture_reader.h"
#include "unit/collect/memory_source.h"

namespace fs = std::filesystem;
using namespace tcpinfo;
using offline::capture_reader;
using offline::message_kind;
using offline::netlink_message;

namespace {

bool verbose = false;

// Everything ss says of one socket, by what it calls it. The value is text as printed.
using tokens = std::map<std::string, std::string>;

template <class... A>
std::string print(const char* format, A... args) {
  char text[256];
  const int n = std::snprintf(text, sizeof text, format, args...);
  return {text, static_cast<std::size_t>(n)};
}

std::vector<std::byte> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

// ---- What ss prints of a decoded message (ss -tinmaoe --tos --cgroup, numeric) ----

class ss_printer {
 public:
  explicit ss_printer(const snapshot& s) : s_(s) {}

  tokens all() {
    header();
    memory();
    info();
    return std::move(out_);
  }

 private:
  std::uint64_t get(field_id f) const { return s_.value(f).value_or(0); }
  std::uint64_t get(tcp_field f) const { return s_.value(f).value_or(0); }
  void put(const char* name, std::string value) { out_[name] = std::move(value); }
  void number(const char* name, std::uint64_t value) {
    if (value != 0) put(name, std::to_string(value));
  }
  void milliseconds(const char* name, std::uint64_t us) {
    if (us != 0) put(name, print("%g", static_cast<double>(us) / 1000));
  }
  static std::string rate(double bits_per_second) { return print("%.0fbps", bits_per_second); }
  static std::string rate(std::uint64_t bytes_per_second) {
    return rate(static_cast<double>(bytes_per_second) * 8);
  }

  // As ss shortens it: no seconds from 10 minutes on, no milliseconds from 10 seconds on.
  static std::string duration(std::uint64_t ms) {
    const std::uint64_t minutes = ms / 60000;
    std::uint64_t seconds = ms / 1000 % 60;
    ms %= 1000;
    std::string text;
    if (minutes > 0) {
      text = std::to_string(minutes) + "min";
      ms = 0;
      if (minutes > 9) seconds = 0;
    }
    if (seconds > 9) ms = 0;
    if (seconds > 0) text += std::to_string(seconds) + (ms > 0 ? "." : "sec");
    if (ms > 0) text += print("%03ums", static_cast<unsigned>(ms));
    return text;
  }

  static std::string end(const ip_address& a, std::uint64_t port, bool dual_stack) {
    std::string text = to_string(a);
    if (a.family == address_family::ipv6) text = "[" + text + "]";
    // An IPv6 listener that also takes IPv4 has the address "*".
    if (a.is_unspecified() && dual_stack) text = "*";
    return text + ":" + (port == 0 ? "*" : std::to_string(port));
  }

  void header() {
    put("state", std::string(state_ss_name(static_cast<std::uint8_t>(get(field_id::state)))));
    put("recv-q", std::to_string(get(field_id::rqueue)));
    put("send-q", std::to_string(get(field_id::wqueue)));
    const bool dual = s_.value(field_id::skv6only) == std::uint64_t{0};
    put("local", end(*s_.address(field_id::src), get(field_id::sport), dual));
    put("peer", end(*s_.address(field_id::dst), get(field_id::dport), dual));
    if (get(field_id::timer) != 0) {
      static constexpr const char* names[] = {"off",      "on",      "keepalive",
                                              "timewait", "persist", "unknown"};
      put("timer", print("(%s,%s,%u)", names[std::min<std::uint64_t>(get(field_id::timer), 5)],
                         duration(get(field_id::expires)).c_str(),
                         static_cast<unsigned>(get(field_id::retrans))));
    }
    number("uid", get(field_id::uid));
    put("ino", std::to_string(get(field_id::inode)));
    put("sk", print("%llx", static_cast<unsigned long long>(get(field_id::cookie))));
    // The text has the group's path, the message its number.
    if (get(field_id::cgroup_id) != 0) put("cgroup", "present");
    if (const auto v6only = s_.value(field_id::skv6only)) put("v6only", std::to_string(*v6only));
    if (const auto shutdown = s_.value(field_id::shutdown))
      put("direction",
          std::string((*shutdown & 1) != 0 ? "-" : "<") + "-" + ((*shutdown & 2) != 0 ? "-" : ">"));
    for (const auto& [name, field] : {std::pair{"tos", field_id::tos},
                                      {"tclass", field_id::tclass},
                                      {"class_id", field_id::class_id}})
      if (const auto v = s_.value(field)) put(name, print("%#x", static_cast<unsigned>(*v)));
  }

  void memory() {
    if (!s_.has(field_group::skmeminfo)) return;
    std::string text;
    const std::pair<const char*, field_id> parts[] = {
        {"r", field_id::skmem_rmem_alloc}, {"rb", field_id::skmem_rcvbuf},
        {"t", field_id::skmem_wmem_alloc}, {"tb", field_id::skmem_sndbuf},
        {"f", field_id::skmem_fwd_alloc},  {"w", field_id::skmem_wmem_queued},
        {"o", field_id::skmem_optmem},     {"bl", field_id::skmem_backlog},
        {"d", field_id::skmem_drops}};
    for (const auto& [name, field] : parts)
      if (const auto v = s_.value(field))
        text += (text.empty() ? "" : ",") + std::string(name) + std::to_string(*v);
    put("skmem", "(" + text + ")");
  }

  void info() {
    if (!s_.has(field_group::info)) return;
    const std::uint64_t options = get(tcp_field::options);
    const std::pair<const char*, unsigned> flags[] = {
        {"ts", 1}, {"sack", 2}, {"ecn", 8}, {"ecnseen", 16}, {"fastopen", 32}};
    for (const auto& [name, bit] : flags)
      if ((options & bit) != 0) put(name, "");
    if (const auto name = s_.text(field_id::cong)) put("cong", std::string(*name));
    if ((options & 4) != 0)
      put("wscale", print("%d,%d", static_cast<int>(get(tcp_field::snd_wscale)),
                          static_cast<int>(get(tcp_field::rcv_wscale))));
    if (get(tcp_field::rto) != 3000000) milliseconds("rto", get(tcp_field::rto));
    number("backoff", get(tcp_field::backoff));

    const auto rtt = static_cast<double>(get(tcp_field::rtt));
    if (rtt > 0)
      put("rtt", print("%g/%g", rtt / 1000, static_cast<double>(get(tcp_field::rttvar)) / 1000));
    milliseconds("ato", get(tcp_field::ato));
    number("mss", get(tcp_field::snd_mss));
    number("pmtu", get(tcp_field::pmtu));
    number("rcvmss", get(tcp_field::rcv_mss));
    number("advmss", get(tcp_field::advmss));
    number("cwnd", get(tcp_field::snd_cwnd));
    if (get(tcp_field::snd_ssthresh) < 0xffff) number("ssthresh", get(tcp_field::snd_ssthresh));
    number("bytes_sent", get(tcp_field::bytes_sent));
    number("bytes_retrans", get(tcp_field::bytes_retrans));
    number("bytes_acked", get(tcp_field::bytes_acked));
    number("bytes_received", get(tcp_field::bytes_received));
    number("segs_out", get(tcp_field::segs_out));
    number("segs_in", get(tcp_field::segs_in));
    number("data_segs_out", get(tcp_field::data_segs_out));
    number("data_segs_in", get(tcp_field::data_segs_in));

    if (s_.has(field_group::dctcpinfo))
      put("dctcp", get(field_id::dctcp_enabled) == 0
                       ? "fallback_mode"
                       : print("(ce_state:%u,alpha:%u,ab_ecn:%u,ab_tot:%u)",
                               static_cast<unsigned>(get(field_id::dctcp_ce_state)),
                               static_cast<unsigned>(get(field_id::dctcp_alpha)),
                               static_cast<unsigned>(get(field_id::dctcp_ab_ecn)),
                               static_cast<unsigned>(get(field_id::dctcp_ab_tot))));
    if (s_.has(field_group::bbrinfo)) {
      std::string text = "(bw:" + rate(get(field_id::bbr_bw)) +
                         print(",mrtt:%g", static_cast<double>(get(field_id::bbr_min_rtt)) / 1000);
      for (const auto& [name, field] : {std::pair{"pacing_gain", field_id::bbr_pacing_gain},
                                        {"cwnd_gain", field_id::bbr_cwnd_gain}})
        if (get(field) != 0) text += print(",%s:%g", name, static_cast<double>(get(field)) / 256);
      put("bbr", text + ")");
    }

    const auto cwnd = static_cast<double>(get(tcp_field::snd_cwnd));
    const auto mss = static_cast<double>(get(tcp_field::snd_mss));
    // Where Vegas measures, ss computes the rate with its round-trip time, though it prints TCP's.
    const std::uint64_t vegas = get(field_id::vegas_rtt);
    const bool of_vegas = get(field_id::vegas_enabled) != 0 && vegas != 0 &&
                          vegas != describe(field_id::vegas_rtt).sentinel();
    const double divisor = of_vegas ? static_cast<double>(vegas) : rtt;
    if (divisor > 0 && cwnd > 0 && mss > 0) put("send", rate(cwnd * mss * 8e6 / divisor));
    number("lastsnd", get(tcp_field::last_data_sent));
    number("lastrcv", get(tcp_field::last_data_recv));
    number("lastack", get(tcp_field::last_ack_recv));
    const auto limited = [this](tcp_field f) {
      return get(f) == 0 || get(f) == describe(f).sentinel();
    };
    if (!limited(tcp_field::pacing_rate)) {
      std::string text = rate(get(tcp_field::pacing_rate));
      if (!limited(tcp_field::max_pacing_rate)) text += "/" + rate(get(tcp_field::max_pacing_rate));
      put("pacing_rate", text);
    }
    if (get(tcp_field::delivery_rate) != 0)
      put("delivery_rate", rate(get(tcp_field::delivery_rate)));
    number("delivered", get(tcp_field::delivered));
    number("delivered_ce", get(tcp_field::delivered_ce));
    if (get(tcp_field::delivery_rate_app_limited) != 0) put("app_limited", "");
    const std::uint64_t busy = get(tcp_field::busy_time);
    if (busy != 0) {
      const auto ms = [](std::uint64_t us) { return std::to_string(us / 1000) + "ms"; };
      put("busy", ms(busy));
      for (const auto& [name, field] : {std::pair{"rwnd_limited", tcp_field::rwnd_limited},
                                        {"sndbuf_limited", tcp_field::sndbuf_limited}})
        if (get(field) != 0)
          put(name, ms(get(field)) + print("(%.1f%%)", 100.0 * static_cast<double>(get(field)) /
                                                           static_cast<double>(busy)));
    }
    const bool listener = get(field_id::state) == static_cast<std::uint64_t>(tcp_state::listen);
    number("unacked", listener ? 0 : get(tcp_field::unacked));
    if (get(tcp_field::retrans) != 0 || get(tcp_field::total_retrans) != 0)
      put("retrans", std::to_string(get(tcp_field::retrans)) + "/" +
                         std::to_string(get(tcp_field::total_retrans)));
    number("lost", get(tcp_field::lost));
    number("sacked", listener ? 0 : get(tcp_field::sacked));
    number("dsack_dups", get(tcp_field::dsack_dups));
    number("fackets", get(tcp_field::fackets));
    if (get(tcp_field::reordering) != 3) number("reordering", get(tcp_field::reordering));
    number("reord_seen", get(tcp_field::reord_seen));
    milliseconds("rcv_rtt", get(tcp_field::rcv_rtt));
    number("rcv_space", get(tcp_field::rcv_space));
    number("rcv_ssthresh", get(tcp_field::rcv_ssthresh));
    number("notsent", get(tcp_field::notsent_bytes));
    if (get(tcp_field::min_rtt) != describe(tcp_field::min_rtt).sentinel())
      milliseconds("minrtt", get(tcp_field::min_rtt));
    number("rcv_ooopack", get(tcp_field::rcv_ooopack));
    number("snd_wnd", get(tcp_field::snd_wnd));
    number("rcv_wnd", get(tcp_field::rcv_wnd));
    number("rehash", get(tcp_field::rehash));
  }

  const snapshot& s_;
  tokens out_;
};

// ---- What the text says ----

struct text_socket {
  std::uint64_t cookie = 0;
  tokens said;
};

// Two lines a socket; the second begins with a tab and holds what is not of the header.
std::vector<text_socket> read_text(const fs::path& path) {
  static const std::set<std::string> words = {"ts",      "sack",     "ecn",
                                              "ecnseen", "fastopen", "app_limited"};
  static const std::set<std::string> with_next = {"send", "pacing_rate", "delivery_rate"};
  std::vector<text_socket> sockets;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream stream(line);
    std::string word;
    if (line.rfind("State", 0) == 0) continue;
    if (line.empty() || line[0] != '\t') {
      sockets.emplace_back();
      tokens& said = sockets.back().said;
      for (const char* name : {"state", "recv-q", "send-q", "local", "peer"}) stream >> said[name];
    }
    if (sockets.empty()) continue;
    tokens& said = sockets.back().said;
    while (stream >> word) {
      const std::size_t colon = word.find(':');
      const std::string name = word.substr(0, colon);
      const std::string value = colon == word.npos ? "" : word.substr(colon + 1);
      if (name == "users") continue;  // of /proc, not of the message
      if (name == "sk") {
        std::from_chars(value.data(), value.data() + value.size(), sockets.back().cookie, 16);
        said["sk"] = value;
      } else if (name == "cgroup") {
        said["cgroup"] = "present";
      } else if (with_next.count(word) != 0) {
        std::string next;
        stream >> next;
        said[word] = next;
      } else if (colon != word.npos || words.count(word) != 0) {
        said[name] = value;
      } else if (word.size() == 3 && word[1] == '-') {
        said["direction"] = word;
      } else {
        said["cong"] = word;
      }
    }
  }
  return sockets;
}

struct difference {
  std::string name;
  std::string ours;
  std::string theirs;
};

std::vector<difference> compare(const tokens& ours, const tokens& theirs, std::size_t& values) {
  std::vector<difference> differences;
  std::set<std::string> names;
  for (const auto& t : ours) names.insert(t.first);
  for (const auto& t : theirs) names.insert(t.first);
  for (const std::string& name : names) {
    const auto a = ours.find(name);
    const auto b = theirs.find(name);
    ++values;
    if (a != ours.end() && b != theirs.end() && a->second == b->second) continue;
    differences.push_back({name, a == ours.end() ? "(nothing)" : name + ":" + a->second,
                           b == theirs.end() ? "(nothing)" : name + ":" + b->second});
  }
  return differences;
}

// ---- The two together ----

struct response {
  std::size_t dump;  // which of the capture's dumps it is of: the number of requests before it
  message m;
};

struct totals {
  std::size_t captures = 0;
  std::size_t responses = 0;
  std::size_t sockets = 0;
  std::size_t values = 0;
  std::size_t failures = 0;
};
totals sum;

std::deque<std::vector<std::byte>> kept;  // messages, in this machine's byte order

void fail(const std::string& what) {
  ++sum.failures;
  std::printf("  FAILED: %s\n", what.c_str());
}

// What a kernel's tcp_info must be long; folders are named by kernel.
std::size_t info_length(const std::string& kernel) {
  static const std::map<std::string, std::size_t> lengths = {
      {"4_19", 224}, {"5_4", 232}, {"5_15", 232}, {"6_1", 232},
      {"6_6", 240},  {"6_8", 248}, {"6_10", 248}, {"7_0", 280}};
  const auto found = lengths.find(kernel.substr(0, kernel.rfind('_')));
  return found == lengths.end() ? 0 : found->second;
}

// Decodes every answer of a capture; none may be refused, and none may be odd but for being of an
// older kernel than the library.
std::vector<response> decode_all(const std::string& name, bytes_view file, std::size_t length,
                                 bool bare = false) {
  std::vector<response> responses;
  capture_reader reader;
  memory_source source(file);
  std::string what;
  if (what = reader.open(source, bare); !what.empty()) {
    fail(name + ": " + what);
    return responses;
  }
  std::size_t messages = 0;
  std::size_t requests = 0;
  std::size_t done = 0;
  std::size_t without_info = 0;
  snapshot s;
  netlink_message n;
  for (;;) {
    const offline::capture_step step = reader.next(n, what);
    if (step == offline::capture_step::end) break;
    if (step == offline::capture_step::fault) {
      fail(name + ": " + what);
      continue;
    }
    ++messages;
    if (n.kind == message_kind::request) ++requests;
    if (n.kind == message_kind::done) ++done;
    if (n.kind != message_kind::response) continue;
    message m;
    std::error_code ec = message::from(n.payload, m);
    if (!ec) {
      // The captures are of little-endian machines; this may be another.
      std::vector<std::byte>& bytes = kept.emplace_back(n.payload.begin(), n.payload.end());
      if (n.other_order)
        m = offline::turn_kernel_message(m, info_layout::unknown, bytes);
      else
        ec = message::from(bytes, m);
    }
    if (!ec) ec = s.decode(m, info_layout::unknown);
    if (ec) {
      fail(name + ": message " + std::to_string(messages) + ": " + ec.message());
      continue;
    }
    const auto odd = s.faults() & ~static_cast<std::uint32_t>(snapshot_fault::short_attribute);
    if (odd != 0)
      fail(name + ": message " + std::to_string(messages) + ": faults " + std::to_string(odd));
    const auto info = s.payload(attribute_type::info);
    if (!info)
      ++without_info;
    else if (length != 0 && info->size() != length)
      fail(name + ": tcp_info of " + std::to_string(info->size()) + " bytes");
    responses.push_back({requests, m});
  }
  if (responses.empty()) fail(name + ": no answer in it");
  if (requests != done) {
    // A capture of single answers has neither.
    fail(name + ": " + std::to_string(requests) + " requests, " + std::to_string(done) + " ends");
  }
  ++sum.captures;
  sum.responses += responses.size();
  std::printf("%s: %zu messages, %zu requests, %zu answers decoded, %zu of them without tcp_info\n",
              name.c_str(), messages, requests, responses.size(), without_info);
  return responses;
}

// Every socket of the text must be in one dump of its family, the same for all, and every value of
// each must be the same; and every message of those dumps must be in the text. Where a capture
// holds more dumps than the text, that dump is taken in which most sockets agree.
void compare_with_text(const std::string& name, const std::vector<response>& responses,
                       const fs::path& path) {
  const std::vector<text_socket> sockets = read_text(path);
  std::map<std::pair<std::size_t, std::uint64_t>, message> by_dump_and_cookie;
  std::map<std::size_t, address_family> dumps;
  for (const response& r : responses) {
    dumps[r.dump] = r.m.family();
    if (!by_dump_and_cookie.emplace(std::pair(r.dump, r.m.cookie()), r.m).second)
      fail(name + ": a socket twice in one dump");
  }

  struct result {
    std::size_t found = 0;
    std::size_t agree = 0;
    std::size_t values = 0;
    std::vector<std::string> differences;
  };
  std::map<address_family, std::pair<std::size_t, result>> best;
  snapshot s;
  for (const auto& [dump, family] : dumps) {
    result r;
    for (const text_socket& t : sockets) {
      const auto m = by_dump_and_cookie.find({dump, t.cookie});
      if (m == by_dump_and_cookie.end()) continue;
      ++r.found;
      if (s.decode(m->second, info_layout::unknown)) continue;
      const auto differences = compare(ss_printer(s).all(), t.said, r.values);
      if (differences.empty()) ++r.agree;
      for (const difference& d : differences)
        r.differences.push_back(t.said.at("sk") + ": decoded " + d.ours + ", ss " + d.theirs);
    }
    const auto b = best.find(family);
    if (b == best.end() || b->second.second.agree < r.agree) best[family] = {dump, std::move(r)};
  }

  std::size_t found = 0;
  std::size_t agree = 0;
  std::size_t values = 0;
  std::size_t messages = 0;
  for (const auto& [family, chosen] : best) {
    const auto& [dump, r] = chosen;
    found += r.found;
    agree += r.agree;
    values += r.values;
    for (const response& response : responses) messages += response.dump == dump ? 1U : 0U;
    if (verbose)
      for (const std::string& d : r.differences) std::printf("    %s\n", d.c_str());
    if (!r.differences.empty()) fail(name + ": " + r.differences.front());
  }
  if (found != sockets.size())
    fail(name + ": " + std::to_string(sockets.size() - found) + " sockets of the text not decoded");
  if (messages != sockets.size())
    fail(name + ": " + std::to_string(messages) + " messages, " + std::to_string(sockets.size()) +
         " sockets in the text");
  sum.sockets += agree;
  sum.values += values;
  std::printf("  ss: %zu sockets, %zu agree in every value, %zu values compared\n", sockets.size(),
              agree, values);
}

// The text beside tcp_N_sockets[_algorithm].pcap is ss_tcp_info_N[_algorithm].txt.
fs::path text_of(const fs::path& capture) {
  std::string name = capture.stem().string();
  const std::size_t sockets = name.find("_sockets");
  if (name.rfind("tcp_", 0) != 0 || sockets == name.npos) return {};
  name.erase(sockets, 8);
  return capture.parent_path() / ("ss_tcp_info_" + name.substr(4) + ".txt");
}

std::vector<std::byte> decompress(const std::vector<std::byte>& packed) {
  std::vector<std::byte> out;
  std::vector<std::byte> part(ZSTD_DStreamOutSize());
  ZSTD_DStream* stream = ZSTD_createDStream();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer to{part.data(), part.size(), 0};
    if (ZSTD_isError(ZSTD_decompressStream(stream, &to, &in)) != 0) break;
    out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(to.pos));
  }
  ZSTD_freeDStream(stream);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const char* environment = std::getenv("TCPINFO_CORPUS");
  const fs::path corpus = argc > 1 ? argv[1] : environment != nullptr ? environment : "";
  verbose = argc > 2 && std::string(argv[2]) == "-v";
  if (!fs::is_directory(corpus / "kernels")) {
    std::printf("SKIPPED: no kernel captures at '%s'\n", (corpus / "kernels").c_str());
    return 77;
  }

  if (!offline::reads_pcap()) {
    std::printf("SKIPPED: this build lacks libpcap\n");
    return 77;
  }

  std::vector<fs::path> captures;
  std::set<fs::path> texts;
  for (const auto& entry : fs::recursive_directory_iterator(corpus / "kernels")) {
    if (entry.path().extension() == ".pcap") captures.push_back(entry.path());
    if (entry.path().extension() == ".txt") texts.insert(entry.path());
  }
  std::sort(captures.begin(), captures.end());
  for (const fs::path& path : captures) {
    const std::string kernel = path.parent_path().filename().string();
    const std::vector<std::byte> file = read_file(path);
    const std::string name = kernel + "/" + path.filename().string();
    const auto responses = decode_all(name, file, info_length(kernel));
    const fs::path text = text_of(path);
    if (texts.erase(text) != 0)
      compare_with_text(name, responses, text);
    else
      std::printf("  no text of ss beside it\n");
  }
  for (const fs::path& text : texts) fail(text.string() + " has no capture");

  const fs::path bare = corpus / "mlab" / "raw-netlink-messages.zst";
  if (fs::exists(bare))
    decode_all(bare.filename().string(), decompress(read_file(bare)), 0, true);
  else
    std::printf("no %s\n", bare.c_str());

  std::printf(
      "%zu captures, %zu answers decoded, %zu sockets agree with ss in %zu values, "
      "%zu failures\n",
      sum.captures, sum.responses, sum.sockets, sum.values, sum.failures);
  return sum.failures == 0 ? 0 : 1;
}
