// SPDX-License-Identifier: Apache-2.0
#include "offline/text/snapshot_text.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>
#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>
#include <utility>

#include "offline/text/untold.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

constexpr std::uint64_t rto_default_us = 3'000'000;  // shown by ss only where it differs
constexpr std::uint64_t reordering_default = 3;
constexpr std::uint64_t ssthresh_shown_below = 0xffff;

constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view plain = "\x1b[0m";

std::string milliseconds(std::uint64_t us) {
  return fmt::format("{:g}", static_cast<double>(us) / 1000);
}
std::string bits_per_second(double bits) { return fmt::format("{:.0f}bps", bits); }
std::string bits_per_second(std::uint64_t bytes) {
  return bits_per_second(static_cast<double>(bytes) * 8);
}

// As ss shortens it: no seconds from 10 minutes on, no milliseconds from 10 seconds on.
std::string timer_span(std::uint64_t ms) {
  const std::uint64_t minutes = ms / 60000;
  std::uint64_t seconds = ms / 1000 % 60;
  std::uint64_t rest = ms % 1000;
  std::string text;
  if (minutes > 0) {
    text = fmt::format("{}min", minutes);
    rest = 0;
    if (minutes > 9) seconds = 0;
  }
  if (seconds > 9) rest = 0;
  if (seconds > 0) text += std::to_string(seconds) + (rest > 0 ? "." : "sec");
  if (rest > 0) text += fmt::format("{:03}ms", rest);
  return text;
}

std::string_view timer_name(std::uint64_t timer) {
  static constexpr std::string_view names[] = {"off",      "on",      "keepalive",
                                               "timewait", "persist", "delack"};
  return timer < std::size(names) ? names[timer] : "unknown";
}

/// Builds the tokens and remembers which fields they tell.
class describer {
 public:
  describer(const snapshot& s, const text_options& options, snapshot_text& out)
      : s_(s), options_(options), out_(out) {}

  void all() {
    out_.socket.clear();
    out_.info.clear();
    out_.others.clear();
    socket();
    to_ = &out_.info;
    memory();
    if (s_.has(field_group::info)) {
      head_of_info();
      sizes_and_totals();
      congestion();
      rates();
      queues();
    } else if (const auto cong = s_.text(field_id::cong); cong && !cong->empty()) {
      put(field_id::cong, "cong", std::string(*cong));
    }
    to_ = &out_.others;
    others();
    oddities();
  }

 private:
  std::uint64_t get(field_id f) const { return s_.value(f).value_or(0); }
  std::uint64_t get(tcp_field f) const { return s_.value(f).value_or(0); }
  void tell(field_id f) { told_.insert(static_cast<std::uint32_t>(f)); }
  void tell(tcp_field f) { tell(field(f)); }

  // Texts of the kernel's are names that a module, or whoever made an archive, has chosen.
  void say(std::string_view name, std::string_view text, std::string key) {
    to_->push_back({std::string(name), text::escaped(text), std::move(key)});
  }
  void say(std::string_view name, const std::string& text) { say(name, text, text); }
  template <class F>
  void put(F f, std::string_view name, const std::string& text) {
    tell(f);
    say(name, text);
  }
  template <class F>
  void named(F f, std::string_view name, std::string_view value) {
    put(f, name, fmt::format("{}:{}", name, value));
  }
  /// The number where it is not 0.
  template <class F>
  void number(F f, std::string_view name) {
    if (const std::uint64_t v = get(f); v != 0) named(f, name, std::to_string(v));
  }
  /// The same of fields that ss names as the kernel does.
  void numbers(std::initializer_list<tcp_field> fields) {
    for (const tcp_field f : fields) number(f, tcpinfo::describe(f).name());
  }
  template <class F>
  void number_ms(F f, std::string_view name) {
    if (const std::uint64_t v = get(f); v != 0) named(f, name, milliseconds(v));
  }
  /// A time since something: told, but never as a change.
  void age(tcp_field f, std::string_view name) {
    const std::uint64_t v = get(f);
    if (v == 0) return;
    tell(f);
    say(name, fmt::format("{}:{}", name, v), "");
  }

  std::string end(const ip_address& a, std::uint64_t port, bool local) {
    std::string text = to_string(a);
    if (a.family == address_family::ipv6) text = "[" + text + "]";
    // An IPv6 listener that also takes IPv4.
    if (a.is_unspecified() && s_.value(field_id::skv6only) == std::uint64_t{0}) text = "*";
    const auto interface = static_cast<std::uint32_t>(get(field_id::interface));
    if (local && interface != 0)
      text += "%" + (options_.interface_name ? options_.interface_name(interface)
                                             : std::to_string(interface));
    return text + ":" + (port == 0 ? "*" : std::to_string(port));
  }

  void socket() {
    to_ = &out_.socket;
    const auto state = static_cast<std::uint8_t>(get(field_id::state));
    const std::string_view name = state_ss_name(state);
    put(field_id::state, "state",
        name.empty() ? fmt::format("state-{}", state) : std::string(name));
    tell(field_id::family);
    if (get(tcp_field::state) == state) tell(tcp_field::state);
    put(field_id::rqueue, "recv-q", std::to_string(get(field_id::rqueue)));
    put(field_id::wqueue, "send-q", std::to_string(get(field_id::wqueue)));
    tell(field_id::src);
    tell(field_id::dst);
    tell(field_id::interface);
    if (const auto src = s_.address(field_id::src))
      put(field_id::sport, "local", end(*src, get(field_id::sport), true));
    if (const auto dst = s_.address(field_id::dst))
      put(field_id::dport, "peer", end(*dst, get(field_id::dport), false));
    if (const std::uint64_t timer = get(field_id::timer); timer != 0) {
      tell(field_id::timer);
      tell(field_id::expires);
      tell(field_id::retrans);
      say("timer",
          fmt::format("timer:({},{},{})", timer_name(timer), timer_span(get(field_id::expires)),
                      get(field_id::retrans)),
          fmt::format("{}{}", timer_name(timer), get(field_id::retrans)));
    }
    number(field_id::uid, "uid");
    named(field_id::inode, "ino", std::to_string(get(field_id::inode)));
    named(field_id::cookie, "sk", fmt::format("{:x}", get(field_id::cookie)));
    if (const std::uint64_t mark = get(field_id::mark); mark != 0)
      named(field_id::mark, "fwmark", fmt::format("{:#x}", mark));
    if (const auto v6only = s_.value(field_id::skv6only))
      named(field_id::skv6only, "v6only", std::to_string(*v6only));
    if (const auto shutdown = s_.value(field_id::shutdown))
      put(field_id::shutdown, "direction",
          fmt::format("{}-{}", (*shutdown & 1) != 0 ? "-" : "<", (*shutdown & 2) != 0 ? "-" : ">"));
    for (const auto& [name_of, f] : {std::pair{"tos", field_id::tos},
                                     {"tclass", field_id::tclass},
                                     {"class_id", field_id::class_id}})
      if (const auto v = s_.value(f)) named(f, name_of, *v == 0 ? "0" : fmt::format("{:#x}", *v));
  }

  void memory() {
    if (!s_.has(field_group::skmeminfo)) return;
    std::string text;
    const std::pair<std::string_view, field_id> parts[] = {
        {"r", field_id::skmem_rmem_alloc}, {"rb", field_id::skmem_rcvbuf},
        {"t", field_id::skmem_wmem_alloc}, {"tb", field_id::skmem_sndbuf},
        {"f", field_id::skmem_fwd_alloc},  {"w", field_id::skmem_wmem_queued},
        {"o", field_id::skmem_optmem},     {"bl", field_id::skmem_backlog},
        {"d", field_id::skmem_drops}};
    for (const auto& [name, f] : parts) {
      tell(f);
      if (const auto v = s_.value(f))
        fmt::format_to(std::back_inserter(text), "{}{}{}", text.empty() ? "" : ",", name, *v);
    }
    say("skmem", "skmem:(" + text + ")");
  }

  void head_of_info() {
    const std::uint64_t options = get(tcp_field::options);
    static constexpr std::pair<std::string_view, unsigned> flags[] = {
        {"ts", 1}, {"sack", 2}, {"ecn", 8}, {"ecnseen", 16}, {"fastopen", 32}};
    for (const auto& [name, bit] : flags)
      if ((options & bit) != 0) put(tcp_field::options, name, std::string(name));
    if (options == 4) tell(tcp_field::options);  // wscale, told below
    if (const auto cong = s_.text(field_id::cong); cong && !cong->empty())
      put(field_id::cong, "cong", std::string(*cong));
    if ((options & 4) != 0) {
      tell(tcp_field::rcv_wscale);
      named(tcp_field::snd_wscale, "wscale",
            fmt::format("{},{}", get(tcp_field::snd_wscale), get(tcp_field::rcv_wscale)));
    }
    if (get(tcp_field::rto) != rto_default_us) number_ms(tcp_field::rto, "rto");
    numbers({tcp_field::backoff});
    if (const std::uint64_t rtt = get(tcp_field::rtt); rtt != 0) {
      tell(tcp_field::rttvar);
      named(tcp_field::rtt, "rtt", milliseconds(rtt) + "/" + milliseconds(get(tcp_field::rttvar)));
    }
    number_ms(tcp_field::ato, "ato");
  }

  void sizes_and_totals() {
    number(tcp_field::snd_mss, "mss");
    numbers({tcp_field::pmtu});
    number(tcp_field::rcv_mss, "rcvmss");
    numbers({tcp_field::advmss});
    number(tcp_field::snd_cwnd, "cwnd");
    if (get(tcp_field::snd_ssthresh) < ssthresh_shown_below)
      number(tcp_field::snd_ssthresh, "ssthresh");
    numbers({tcp_field::bytes_sent, tcp_field::bytes_retrans, tcp_field::bytes_acked,
             tcp_field::bytes_received, tcp_field::segs_out, tcp_field::segs_in,
             tcp_field::data_segs_out, tcp_field::data_segs_in});
  }

  void congestion() {
    if (s_.has(field_group::dctcpinfo)) {
      for (const field_id f : {field_id::dctcp_ce_state, field_id::dctcp_alpha,
                               field_id::dctcp_ab_ecn, field_id::dctcp_ab_tot})
        tell(f);
      put(field_id::dctcp_enabled, "dctcp",
          get(field_id::dctcp_enabled) == 0
              ? std::string("dctcp:fallback_mode")
              : fmt::format("dctcp:(ce_state:{},alpha:{},ab_ecn:{},ab_tot:{})",
                            get(field_id::dctcp_ce_state), get(field_id::dctcp_alpha),
                            get(field_id::dctcp_ab_ecn), get(field_id::dctcp_ab_tot)));
    }
    if (!s_.has(field_group::bbrinfo)) return;
    std::string text = fmt::format("bbr:(bw:{},mrtt:{}", bits_per_second(get(field_id::bbr_bw)),
                                   milliseconds(get(field_id::bbr_min_rtt)));
    tell(field_id::bbr_min_rtt);
    for (const auto& [name, f] : {std::pair{"pacing_gain", field_id::bbr_pacing_gain},
                                  {"cwnd_gain", field_id::bbr_cwnd_gain}})
      if (get(f) != 0) {
        tell(f);
        fmt::format_to(std::back_inserter(text), ",{}:{:g}", name,
                       static_cast<double>(get(f)) / 256);
      }
    put(field_id::bbr_bw, "bbr", text + ")");
  }

  void rates() {
    const auto window = static_cast<double>(get(tcp_field::snd_cwnd)) *
                        static_cast<double>(get(tcp_field::snd_mss));
    // Where Vegas measures, ss computes the rate with its round-trip time, though it prints TCP's.
    const std::uint64_t vegas = get(field_id::vegas_rtt);
    const bool of_vegas = get(field_id::vegas_enabled) != 0 && vegas != 0 &&
                          vegas != describe_sentinel(field_id::vegas_rtt);
    const std::uint64_t rtt = of_vegas ? vegas : get(tcp_field::rtt);
    if (rtt > 0 && window > 0) {
      say("send", "send " + bits_per_second(window * 8e6 / static_cast<double>(rtt)));
    }
    age(tcp_field::last_data_sent, "lastsnd");
    age(tcp_field::last_data_recv, "lastrcv");
    age(tcp_field::last_ack_recv, "lastack");
    const auto rate = [this](tcp_field f) -> std::optional<std::uint64_t> {
      const std::uint64_t v = get(f);
      if (v == 0 || v == tcpinfo::describe(f).sentinel()) return std::nullopt;
      return v;
    };
    if (const auto pacing = rate(tcp_field::pacing_rate)) {
      std::string text = "pacing_rate " + bits_per_second(*pacing);
      if (const auto limit = rate(tcp_field::max_pacing_rate)) {
        tell(tcp_field::max_pacing_rate);
        text += "/" + bits_per_second(*limit);
      }
      put(tcp_field::pacing_rate, "pacing_rate", text);
    }
    if (const std::uint64_t v = get(tcp_field::delivery_rate); v != 0)
      put(tcp_field::delivery_rate, "delivery_rate", "delivery_rate " + bits_per_second(v));
    numbers({tcp_field::delivered, tcp_field::delivered_ce});
    if (get(tcp_field::delivery_rate_app_limited) != 0)
      put(tcp_field::delivery_rate_app_limited, "app_limited", "app_limited");
    const std::uint64_t busy = get(tcp_field::busy_time);
    if (busy == 0) return;
    named(tcp_field::busy_time, "busy", fmt::format("{}ms", busy / 1000));
    for (const auto& [name, f] : {std::pair{"rwnd_limited", tcp_field::rwnd_limited},
                                  {"sndbuf_limited", tcp_field::sndbuf_limited}})
      if (const std::uint64_t v = get(f); v != 0)
        named(f, name,
              fmt::format("{}ms({:.1f}%)", v / 1000,
                          100.0 * static_cast<double>(v) / static_cast<double>(busy)));
  }

  void queues() {
    // Of a listener these are the accept queue, which the queue columns tell.
    const bool listener = get(field_id::state) == static_cast<std::uint64_t>(tcp_state::listen);
    if (listener) {
      tell(tcp_field::unacked);
      tell(tcp_field::sacked);
    }
    if (!listener) numbers({tcp_field::unacked});
    if (get(tcp_field::retrans) != 0 || get(tcp_field::total_retrans) != 0) {
      tell(tcp_field::retrans);
      named(tcp_field::total_retrans, "retrans",
            fmt::format("{}/{}", get(tcp_field::retrans), get(tcp_field::total_retrans)));
    }
    numbers({tcp_field::lost});
    if (!listener) numbers({tcp_field::sacked});
    numbers({tcp_field::dsack_dups, tcp_field::fackets});
    if (get(tcp_field::reordering) != reordering_default) numbers({tcp_field::reordering});
    numbers({tcp_field::reord_seen});
    number_ms(tcp_field::rcv_rtt, "rcv_rtt");
    numbers({tcp_field::rcv_space, tcp_field::rcv_ssthresh});
    number(tcp_field::notsent_bytes, "notsent");
    if (get(tcp_field::min_rtt) != tcpinfo::describe(tcp_field::min_rtt).sentinel())
      number_ms(tcp_field::min_rtt, "minrtt");
    numbers({tcp_field::rcv_ooopack, tcp_field::snd_wnd, tcp_field::rcv_wnd, tcp_field::rehash});
  }

  // Whatever else the tables know, under the name of the CSV column. The bits of `options` that ss
  // has no word for come as the number.
  void others() {
    constexpr std::uint64_t options_of_ss = 63;
    const bool word_told = s_.layout() != info_layout::unknown;
    for (std::size_t i = 0; i < field_count(); ++i) {
      const field_descriptor f = field_at(i);
      const bool is_options = f.id() == field(tcp_field::options);
      const bool told = told_.count(static_cast<std::uint32_t>(f.id())) != 0;
      std::uint64_t v = 0;
      std::string_view text;
      if (s_.value(f, v)) {
        if (told && !(is_options && (v & ~options_of_ss) != 0)) continue;
        if (f.id() == field(tcp_field::accecn_word) && word_told) continue;  // its parts are told
        if (v == f.sentinel()) continue;
        if (v == 0 && !options_.zeros) continue;
        other(f, v);
      } else if (!told && s_.text(f, text)) {
        put(f.id(), f.csv_name(), fmt::format("{}:{}", f.csv_name(), text));
      }
    }
  }

  void other(const field_descriptor& f, std::uint64_t v) {
    std::string text;
    if (f.id() == field(tcp_field::state))
      text = state_ss_name(static_cast<std::uint8_t>(v));
    else if (f.id() == field(tcp_field::ca_state))
      text = ca_state_name(static_cast<std::uint8_t>(v));
    else if (f.unit() == field_unit::flags)
      text = fmt::format("{:#x}", v);
    if (text.empty()) text = std::to_string(v);
    // An option that is set is its name alone.
    std::string whole = f.type() == field_type::boolean && v == 1
                            ? std::string(f.csv_name())
                            : fmt::format("{}:{}", f.csv_name(), text);
    std::string key = f.rule() == change_rule::age ? std::string() : whole;
    say(f.csv_name(), whole, std::move(key));
  }

  void oddities() {
    for (const untold_bytes& u : untold_in(s_))
      say(u.name, fmt::format("{}:({})", u.name, in_hex(u.bytes)));
    for (const auto& [name, fault] : shown_faults)
      if (s_.has(fault)) say(name, fmt::format("!{}", name));
  }

  static std::optional<std::uint64_t> describe_sentinel(field_id f) {
    return tcpinfo::describe(f).sentinel();
  }

  const snapshot& s_;
  const text_options& options_;
  snapshot_text& out_;
  std::vector<text_token>* to_ = nullptr;
  std::unordered_set<std::uint32_t> told_;
};

void append_line(std::string& to, const std::vector<text_token>& tokens) {
  if (tokens.empty()) return;
  to += '\t';
  for (const text_token& t : tokens) {
    to += ' ';
    to += t.text;
  }
  to += '\n';
}

const text_token* find(const snapshot_text& in, std::string_view name) {
  for (const auto* part : {&in.socket, &in.info, &in.others})
    for (const text_token& t : *part)
      if (t.name == name) return &t;
  return nullptr;
}

}  // namespace

void describe(const snapshot& s, const text_options& options, snapshot_text& out) {
  describer(s, options, out).all();
}

void append_block(std::string& to, const snapshot_text& t, bool colour) {
  const auto text = [&t](std::size_t i) {
    return i < t.socket.size() ? std::string_view(t.socket[i].text) : std::string_view();
  };
  if (colour) to += bold;
  fmt::format_to(std::back_inserter(to), "{:<10}", text(0));
  if (colour) to += plain;
  fmt::format_to(std::back_inserter(to), " {:<6} {:<6} {:>22} {:>22}", text(1), text(2), text(3),
                 text(4));
  for (std::size_t i = 5; i < t.socket.size(); ++i) {
    to += ' ';
    to += t.socket[i].text;
  }
  to += '\n';
  append_line(to, t.info);
  append_line(to, t.others);
}

bool append_changes(std::string& to, const snapshot_text& before, const snapshot_text& now,
                    bool colour) {
  std::string line;
  for (const auto* part : {&now.socket, &now.info, &now.others}) {
    for (const text_token& t : *part) {
      if (t.key.empty()) continue;
      const text_token* old = find(before, t.name);
      if (old != nullptr && old->key == t.key) continue;
      line += ' ';
      // What has no name of its own in the text gets it here.
      const bool bare = part == &now.socket && t.text.find(':') == std::string::npos;
      const bool end = t.name == "local" || t.name == "peer";
      if (bare || end) line += t.name + ":";
      line += t.text;
    }
  }
  for (const auto* part : {&before.socket, &before.info, &before.others})
    for (const text_token& t : *part)
      if (!t.key.empty() && find(now, t.name) == nullptr) {
        if (colour) line += "\x1b[2m";
        line += " -" + t.name;
        if (colour) line += plain;
      }
  if (line.empty()) return false;
  to += '\t';
  to += line;
  to += '\n';
  return true;
}

}  // namespace tcpinfo::offline
