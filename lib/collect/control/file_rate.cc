// SPDX-License-Identifier: Apache-2.0
#include "collect/control/file_rate.h"

#include <utility>

#include "collect/telemetry/log.h"
#include "common/time_units.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t stretch_ns = 5 * ns_a_second;
constexpr std::int64_t long_enough_ns = 60 * ns_a_second;
constexpr std::uint64_t many_a_second = 100;

}  // namespace

void file_rate::look(std::int64_t now_ns) noexcept {
  const std::int64_t took_ns = now_ns - since_ns_;
  if (!wanted_ || took_ns < stretch_ns) return;
  since_ns_ = now_ns;
  const std::uint64_t now = counts_.files_created.get();
  const std::uint64_t made = now - std::exchange(files_, now);
  const bool many = made > many_a_second * static_cast<std::uint64_t>(took_ns / ns_a_second);
  busy_ns_ = many ? busy_ns_ + took_ns : 0;
  if (busy_ns_ < long_enough_ns) return;
  wanted_ = false;
  log(event::many_files,
      "{} files a second, one for each connection, for a minute: --layout segments puts many "
      "connections into one, with less work and a small part of the disk",
      made / static_cast<std::uint64_t>(took_ns / ns_a_second));
}

}  // namespace tcpinfo::collect
