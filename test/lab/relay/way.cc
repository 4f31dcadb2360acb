// SPDX-License-Identifier: Apache-2.0
#include "relay/way.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

bool within(int64_t time, int64_t at, int64_t length) {
  return length > 0 && time >= at && time < at + length;
}

double nanoseconds_of(uint64_t bytes, uint64_t bits_per_second) {
  return static_cast<double>(bytes) * 8e9 / static_cast<double>(bits_per_second);
}

// Where among all the sorted values half, 95 and 99 % are reached, and the largest.
std::string spread(std::vector<uint32_t> values) {
  if (values.empty()) return "null";
  std::sort(values.begin(), values.end());
  const auto at = [&](size_t percent) {
    return std::to_string(values[(values.size() - 1) * percent / 100]);
  };
  return "{\"p50\":" + at(50) + ",\"p95\":" + at(95) + ",\"p99\":" + at(99) +
         ",\"max\":" + at(100) + "}";
}

}  // namespace

bool way::happens(double share) {
  // Where nothing may happen, no number is drawn: another flag leaves the others' fates alone.
  return share > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < share;
}

fate way::pass(const way_options& opts, packet& bytes, int64_t now_ns, int64_t since_data_ns) {
  const tcp_segment segment = look_at(bytes);
  const uint64_t size = bytes.size();
  ++counters.packets;
  if (segment.payload > 0) ++counters.data;
  fate found;
  if (is_lost(opts, bytes, segment, since_data_ns) || is_policed(opts, size, now_ns)) {
    found.lost = true;
    return found;
  }
  int64_t leaves = now_ns;
  if (opts.rate_bits > 0) {
    const int64_t begins = std::max(now_ns, link_free_ns_);
    const double queued =
        static_cast<double>(begins - now_ns) * static_cast<double>(opts.rate_bits) / 8e9;
    if (queued + static_cast<double>(size) > static_cast<double>(opts.queue_bytes)) {
      ++counters.queue;
      found.lost = true;
      return found;
    }
    if (opts.ce_above > 0 && queued > static_cast<double>(opts.ce_above) &&
        set_congestion_experienced(bytes)) {
      ++counters.ce;
    }
    link_free_ns_ = begins + static_cast<int64_t>(nanoseconds_of(size, opts.rate_bits));
    leaves = link_free_ns_;
    found.waits_ns = begins - now_ns;
    if (segment.payload > 0) {
      counters.queue_delay_us.push_back(static_cast<uint32_t>((begins - now_ns) / 1000));
    }
  }
  counters.bytes += size;
  if (happens(opts.ce) && set_congestion_experienced(bytes)) ++counters.ce;
  if (within(since_data_ns, opts.hold_at_ns, opts.hold_for_ns)) {
    ++counters.held;
    leaves = std::max(leaves, now_ns + opts.hold_at_ns + opts.hold_for_ns - since_data_ns);
  }
  leaves += opts.delay_ns;
  if (opts.jitter_ns > 0) {
    leaves += std::uniform_int_distribution<int64_t>(0, opts.jitter_ns)(random_);
  }
  if (segment.payload > 0 && happens(opts.reorder)) {
    // Those behind it overtake.
    ++counters.reordered;
    leaves = std::max(leaves, last_leaves_ns_) + opts.reorder_ns;
  } else {
    leaves = last_leaves_ns_ = std::max(leaves, last_leaves_ns_);
  }
  if (happens(opts.duplicate)) {
    ++counters.duplicated;
    found.twice = true;
  }
  found.leaves_ns = leaves;
  return found;
}

bool way::is_lost(const way_options& opts, const packet& bytes, const tcp_segment& segment,
                  int64_t since_data_ns) {
  const auto counted = [](uint64_t& counter) {
    ++counter;
    return true;
  };
  if (opts.size_limit > 0 && bytes.size() > opts.size_limit) return counted(counters.size);
  if (segment.syn) {
    first_sequence_[segment.ports] = segment.sequence + 1;
    if (++syns_ <= opts.drop_syn) return counted(counters.syn);
  }
  if (within(since_data_ns, opts.blackout_at_ns, opts.blackout_for_ns)) {
    return counted(counters.blackout);
  }
  if (segment.syn) return false;
  if (is_of_tail(opts, segment)) return counted(counters.tail);
  if (opts.nth > 0 && segment.payload > 0 && counters.data % opts.nth == 0) {
    return counted(counters.nth);
  }
  // In a burst each packet is lost, and the burst ends behind it with the chance of 1/length.
  if (in_burst_ || happens(opts.burst_loss)) {
    in_burst_ = opts.burst_loss > 0 && !happens(1 / opts.burst_length);
    return counted(counters.burst);
  }
  return happens(opts.loss) && counted(counters.random);
}

bool way::is_of_tail(const way_options& opts, const tcp_segment& segment) {
  if (opts.tail_every == 0 || segment.payload == 0) return false;
  const auto first = first_sequence_.find(segment.ports);
  if (first == first_sequence_.end()) return false;
  const uint32_t end = segment.sequence + segment.payload - first->second;
  if ((end - 1) % opts.tail_every < opts.tail_every - opts.tail_bytes) return false;
  return ++tails_lost_[{segment.ports, end}] <= opts.tail_times;
}

bool way::is_policed(const way_options& opts, uint64_t size, int64_t now_ns) {
  if (opts.police_bits == 0) {
    tokens_ = -1;
    return false;
  }
  const auto depth = static_cast<double>(opts.police_burst);
  if (tokens_ < 0) {
    tokens_ = depth;
  } else {
    tokens_ +=
        static_cast<double>(now_ns - tokens_at_ns_) * static_cast<double>(opts.police_bits) / 8e9;
    tokens_ = std::min(tokens_, depth);
  }
  tokens_at_ns_ = now_ns;
  if (tokens_ < static_cast<double>(size)) {
    ++counters.police;
    return true;
  }
  tokens_ -= static_cast<double>(size);
  return false;
}

std::string way::report() const {
  std::string text = "{";
  const std::pair<const char*, uint64_t> numbers[] = {
      {"packets", counters.packets},
      {"data", counters.data},
      {"bytes", counters.bytes},
      {"lost_size", counters.size},
      {"lost_syn", counters.syn},
      {"lost_blackout", counters.blackout},
      {"lost_random", counters.random},
      {"lost_burst", counters.burst},
      {"lost_nth", counters.nth},
      {"lost_tail", counters.tail},
      {"lost_police", counters.police},
      {"lost_queue", counters.queue},
      {"ce", counters.ce},
      {"held", counters.held},
      {"reordered", counters.reordered},
      {"duplicated", counters.duplicated},
      {"refused", counters.refused},
  };
  for (const auto& [name, number] : numbers) {
    text += std::string("\"") + name + "\":" + std::to_string(number) + ",";
  }
  return text + "\"queue_delay_us\":" + spread(counters.queue_delay_us) +
         ",\"late_us\":" + spread(counters.late_us) + "}";
}

}  // namespace relay
