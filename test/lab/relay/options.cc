// SPDX-License-Identifier: Apache-2.0
#include "relay/options.h"

#include <charconv>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

namespace relay {

const char* const usage =
    "usage: relay a=NETNS,ADDRESS b=NETNS,ADDRESS [KEY=VALUE | @TIME]...\n"
    "\n"
    "Passes IPv4 packets between two TUN devices, one in each network namespace (a path, as\n"
    "/run/netns/NAME), which it makes, and which go when it ends: when its input ends, after\n"
    "`seconds`, or by SIGTERM. It says `ready`, and at its end counters as one line of JSON.\n"
    "\n"
    "  device=lab0 mtu=1500 seed=1 seconds=600\n"
    "Of both ways, or with `there.` before it of a to b, with `back.` of b to a:\n"
    "  delay=TIME jitter=TIME         jitter: up to so much more; packets stay in order\n"
    "  rate=RATE queue=BYTES          a bottleneck and its queue\n"
    "  police=RATE,BYTES              a token bucket and its depth\n"
    "  loss=SHARE burst_loss=SHARE,LENGTH nth=N\n"
    "                                 never of SYNs; a burst begins with that chance; every\n"
    "                                 Nth packet with data\n"
    "  tail=EVERY,BYTES[,TIMES]       of each EVERY bytes sent the last BYTES, TIMES times\n"
    "  reorder=SHARE,TIME duplicate=SHARE\n"
    "  blackout=AT,TIME hold=AT,TIME  from the first packet with data on: all is dropped; all\n"
    "                                 waits\n"
    "  size_limit=BYTES               larger ones are dropped\n"
    "  ce=SHARE ce_above=BYTES        CE of packets that allow it; above so many bytes queued\n"
    "  drop_syn=N                     the first N\n"
    "@TIME: what follows holds from then on, counted from the first packet with data.\n"
    "TIME is 20ms, 1.5s or 300us; RATE 20mbit, 500kbit or 9000bit; BYTES 1500, 64k or 1m.\n";

namespace {

[[noreturn]] void refuse(std::string_view what) { throw bad_word(std::string(what)); }

// A number and one of the units, which says what to multiply it with.
double scaled(std::string_view text,
              std::initializer_list<std::pair<std::string_view, double>> units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) refuse("not a number");
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  for (const auto& [name, factor] : units) {
    if (unit == name) {
      const double value = number * factor;
      if (value > 1e15) refuse("too large");
      return value;
    }
  }
  refuse(unit.empty() ? "no unit" : "no such unit");
}

int64_t time_of(std::string_view text) {
  return static_cast<int64_t>(scaled(text, {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}}));
}

uint64_t rate_of(std::string_view text) {
  return static_cast<uint64_t>(scaled(text, {{"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}));
}

uint64_t bytes_of(std::string_view text) {
  return static_cast<uint64_t>(scaled(text, {{"", 1}, {"k", 1024}, {"m", 1024 * 1024}}));
}

uint64_t count_of(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) refuse("not a whole number");
  return number;
}

double share_of(std::string_view text) {
  const double share = scaled(text, {{"", 1}});
  if (share > 1) refuse("a share is 0 to 1");
  return share;
}

std::vector<std::string_view> parts_of(std::string_view text, size_t least, size_t most) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (parts.size() < least || parts.size() > most) refuse("too few values, or too many");
  return parts;
}

bool set_of_way(way_options& way, std::string_view key, std::string_view value) {
  if (key == "delay") {
    way.delay_ns = time_of(value);
  } else if (key == "jitter") {
    way.jitter_ns = time_of(value);
  } else if (key == "rate") {
    way.rate_bits = rate_of(value);
  } else if (key == "queue") {
    way.queue_bytes = bytes_of(value);
  } else if (key == "police") {
    const auto parts = parts_of(value, 2, 2);
    way.police_bits = rate_of(parts[0]);
    way.police_burst = bytes_of(parts[1]);
  } else if (key == "loss") {
    way.loss = share_of(value);
  } else if (key == "burst_loss") {
    const auto parts = parts_of(value, 2, 2);
    way.burst_loss = share_of(parts[0]);
    way.burst_length = scaled(parts[1], {{"", 1}});
    if (way.burst_length < 1) refuse("a burst has at least one packet");
  } else if (key == "nth") {
    way.nth = count_of(value);
  } else if (key == "tail") {
    const auto parts = parts_of(value, 2, 3);
    way.tail_every = bytes_of(parts[0]);
    way.tail_bytes = bytes_of(parts[1]);
    way.tail_times = parts.size() > 2 ? count_of(parts[2]) : 1;
    if (way.tail_bytes > way.tail_every) refuse("more than all");
  } else if (key == "reorder") {
    const auto parts = parts_of(value, 2, 2);
    way.reorder = share_of(parts[0]);
    way.reorder_ns = time_of(parts[1]);
  } else if (key == "duplicate") {
    way.duplicate = share_of(value);
  } else if (key == "blackout" || key == "hold") {
    const auto parts = parts_of(value, 2, 2);
    (key == "hold" ? way.hold_at_ns : way.blackout_at_ns) = time_of(parts[0]);
    (key == "hold" ? way.hold_for_ns : way.blackout_for_ns) = time_of(parts[1]);
  } else if (key == "size_limit") {
    way.size_limit = bytes_of(value);
  } else if (key == "ce") {
    way.ce = share_of(value);
  } else if (key == "ce_above") {
    way.ce_above = bytes_of(value);
  } else if (key == "drop_syn") {
    way.drop_syn = count_of(value);
  } else {
    return false;
  }
  return true;
}

bool set_of_all(options& opts, std::string_view key, std::string_view value) {
  if (key == "a" || key == "b") {
    const auto parts = parts_of(value, 2, 2);
    opts.ends[key == "b"] = {std::string(parts[0]), std::string(parts[1])};
  } else if (key == "device") {
    opts.device = value;
  } else if (key == "mtu") {
    opts.mtu = count_of(value);
    if (opts.mtu < 68 || opts.mtu > 65535) refuse("68 to 65535");
  } else if (key == "seed") {
    opts.seed = count_of(value);
  } else if (key == "seconds") {
    opts.seconds = count_of(value);
    if (opts.seconds > 86400) refuse("a day at most");
  } else {
    return false;
  }
  return true;
}

void take(options& opts, std::string_view word) {
  if (word.starts_with('@')) {
    const int64_t at = time_of(word.substr(1));
    if (at <= opts.stages.back().at_ns) refuse("not later than the stage before");
    stage next = opts.stages.back();
    next.at_ns = at;
    opts.stages.push_back(next);
    return;
  }
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) refuse("neither KEY=VALUE nor @TIME");
  std::string_view key = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  stage& now = opts.stages.back();
  bool known = false;
  if (key.starts_with("there.")) {
    known = set_of_way(now.there, key.substr(6), value);
  } else if (key.starts_with("back.")) {
    known = set_of_way(now.back, key.substr(5), value);
  } else {
    known = set_of_all(opts, key, value) ||
            (set_of_way(now.there, key, value) && set_of_way(now.back, key, value));
  }
  if (!known) refuse("no such key");
}

}  // namespace

options parse_options(int argc, char** argv) {
  options opts;
  for (int i = 1; i < argc; ++i) {
    try {
      take(opts, argv[i]);
    } catch (const bad_word& error) {
      throw bad_word(std::string(argv[i]) + ": " + error.what());
    }
  }
  for (const end_options& end : opts.ends) {
    if (end.netns.empty() || end.address.empty()) throw bad_word("a= and b= must be given");
  }
  return opts;
}

}  // namespace relay
