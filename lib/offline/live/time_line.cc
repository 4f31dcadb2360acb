// SPDX-License-Identifier: Apache-2.0
#include "offline/live/time_line.h"

#include <tcpinfo/archive.h>

#include <span>
#include <utility>

namespace tcpinfo::offline {

void time_line::add(const message& m, std::int64_t time_ns) {
  if (decoded_.decode(m, layout_)) return;
  const analysis::why::sample now(decoded_, time_ns);
  if (any_ && now.time_ns() <= latest_.time_ns()) return;
  (void)examiner_.add(decoded_, time_ns);
  if (any_) {
    // The last one alone tells that it has ended: it is no step of its own where it is short.
    const bool ended = now.state() == tcp_state::close;
    if (now.time_ns() - latest_.time_ns() < step_ns_ && !ended) return;
    steps_.push_back({step_between(latest_, now), now});
    if (steps_.size() > most_steps) steps_.pop_front();
  }
  latest_ = now;
  any_ = true;
}

std::size_t time_line::add_lines(std::string_view lines, std::uint64_t cookie) {
  archive_reader reader;
  if (reader.open_memory(std::as_bytes(std::span(lines)))) return 0;
  record r;
  std::size_t taken = 0;
  for (bool more = true;;) {
    const auto ec = reader.next(r, more);
    if (!more) return taken;
    if (ec || r.view().bytes.empty() || r.view().id().cookie != cookie) continue;
    const auto time_ns = r.time().unix_nanoseconds();
    if (!time_ns) continue;
    add(r.view(), *time_ns);
    ++taken;
  }
}

std::vector<std::string> time_line::sentences() const {
  std::vector<std::string> all;
  for (analysis::why::verdict& one : examiner_.verdicts())
    all.push_back((one.of == analysis::why::view::sender ? "sending: " : "receiving: ") +
                  std::move(one.sentence));
  return all;
}

}  // namespace tcpinfo::offline
