// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/connections_layout.h"

#include <iterator>
#include <new>

namespace tcpinfo::collect {
namespace {

// Between two looks at the queue, at most this many flows are written.
constexpr int write_limit = 16;
// At the end a write that fails is tried so often, with a pause before each new try.
constexpr int last_tries = 10;
constexpr std::int64_t last_pause_ns = 100'000'000;

}  // namespace

template <class F>
bool connections_layout::with_account(flow_log& flow, std::int64_t now_ns, F&& deed) {
  const std::size_t before = flow.waiting.capacity_bytes();
  const bool waited = flow.waiting_records > 0;
  const std::int64_t waited_since_ns = flow.waiting_since_ns;
  bool done = false;
  try {
    done = deed();
  } catch (const std::bad_alloc&) {
    // As a write that failed: what waits still waits, and memory may come back.
    context_.counts.write_errors.add(errc::out_of_memory);
  }
  memory_.change(before, flow.waiting.capacity_bytes());
  if (flow.waiting_records == 0 && (done || !flow.ended)) return done;
  if (!done) {
    flow.retry_ns = now_ns + write_retry_ns;
    schedule_.add_retry(flow);
  } else if (!waited || flow.waiting_since_ns != waited_since_ns) {
    // Other records may wait than before: those of a file that was just begun.
    schedule_.add_aged(flow);
  }
  return done;
}

written_flow& connections_layout::flow_of(const snapshot_header& header, bytes_view message,
                                          std::int64_t now_ns) {
  auto found = flows_.find(header.cookie);
  if (found != flows_.end() && found->second.ended) {
    // The socket came back: what it did before belongs to a file of its own. Where that cannot be
    // finished now, one file holds both.
    if (flow_log* const still = write(found->second, now_ns); still != nullptr)
      still->ended = false;
    found = flows_.find(header.cookie);
  }
  if (found != flows_.end()) return found->second;
  written_flow& flow = flows_[header.cookie];
  archives_.begin(flow, header, message);
  (void)former_.resume(flow, header);
  return flow;
}

void connections_layout::take(const snapshot_header& header, bytes_view message,
                              std::int64_t now_ns) {
  const auto known = flows_.find(header.cookie);
  if (header.kind == snapshot_kind::ended_without_event && known == flows_.end()) return;
  // Another connection's now: what was recorded before is complete.
  if (header.kind == snapshot_kind::followed && known != flows_.end())
    known->second.ended = known->second.may_return = true;
  const bool is_new = known == flows_.end() || known->second.ended || begins_reuse(header.kind);
  written_flow& flow = flow_of(header, message, now_ns);
  if (header.kind != snapshot_kind::ended_without_event) {
    if (known_ && is_new) known_->see(header.cookie, *flow.netns, message);
    observer_.look(flow.observed, header, message);
    const bool added = with_account(flow, now_ns, [&] {
      if (header.kind != snapshot_kind::followed) archives_.add(flow, header, message, now_ns);
      return true;
    });
    if (!added) context_.counts.lost_write.add();
  }
  flow.ended = ends_connection(header.kind);
  flow.may_return = header.kind == snapshot_kind::ended_without_event;
  if (!flow.ended && !archive_writer::is_full(flow)) return;
  if (now_ns >= flow.retry_ns)
    schedule_.add_ready(flow);
  else if (flow.ended)
    schedule_.add_retry(flow);
}

// Writes what waits; of an ended connection also hands the file over and forgets the flow. Where
// that fails the flow stays, and is due again.
// @return the flow; nullptr where it is forgotten.
flow_log* connections_layout::write(flow_log& flow, std::int64_t now_ns) {
  const bool has_records = flow.file_size > 0 || flow.waiting_records > 0;
  const bool done = with_account(
      flow, now_ns, [&] { return flow.ended ? archives_.hand_over(flow) : archives_.flush(flow); });
  if (!done || !flow.ended) return &flow;
  memory_.change(flow.waiting.capacity_bytes(), 0);
  if (flow.may_return) former_.remember(flow);
  if (known_)
    known_->end(flow.cookie, has_records ? archives_.last_file() : std::string_view(), now_ns);
  flows_.erase(flow.cookie);
  return nullptr;
}

bool connections_layout::write_portion(std::int64_t now_ns) {
  schedule_.repair();
  for (int i = 0; i < write_limit; ++i) {
    flow_log* flow = schedule_.next(now_ns);
    if (flow == nullptr) return false;
    (void)write(*flow, now_ns);
  }
  return true;
}

// The oldest go first. Only when they cannot be written is anything given up, the oldest again, and
// counted: better than to be killed for memory and lose all.
void connections_layout::keep_budget(std::int64_t now_ns) {
  // After a write that failed, an eighth more may be used before the next try.
  const std::size_t budget = memory_.limit();
  while (memory_.now() > (now_ns < budget_retry_ns_ ? budget + budget / 8 : budget)) {
    flow_log* flow = schedule_.oldest();
    if (flow == nullptr) return;
    const bool waited = flow->waiting_records > 0;
    flow = write(*flow, now_ns);
    if (flow == nullptr || flow->waiting_records == 0) {
      if (!waited) continue;
      context_.counts.early_flushes.add();
      context_.limits.budget.log(
          now_ns, event::memory_budget, {},
          "memory budget reached: the records that wait longest are written early, "
          "in smaller frames (--max-memory)");
      continue;
    }
    budget_retry_ns_ = now_ns + write_retry_ns;
    if (memory_.now() <= budget + budget / 8) return;
    with_account(*flow, now_ns, [&] {
      archives_.drop_waiting(*flow, "memory ended");
      return true;
    });
    if (flow->ended) (void)write(*flow, now_ns);
  }
}

void connections_layout::answer(const wanted_flow& wanted, recent_answer& out,
                                std::int64_t now_ns) {
  if (!known_) return;
  for (const std::uint64_t cookie : known_->find(wanted, now_ns)) {
    recent_answer::flow& said = out.flows.emplace_back();
    said.cookie = cookie;
    const auto open = flows_.find(cookie);
    if (open != flows_.end())
      archives_.tell(open->second, said);
    else
      said.file.complete = known_->of(cookie)->file;
  }
}

void connections_layout::finish() {
  for (int tries = 0; !flows_.empty() && tries < last_tries; ++tries) {
    if (tries > 0) context_.system.wait(-1, -1, context_.system.monotonic_ns() + last_pause_ns);
    const std::int64_t now_ns = context_.system.monotonic_ns();
    for (auto at = flows_.begin(); at != flows_.end();) {
      flow_log& flow = at->second;
      const bool done = with_account(flow, now_ns, [&] { return archives_.hand_over(flow); });
      at = done ? flows_.erase(at) : std::next(at);
    }
  }
  for (auto& [cookie, flow] : flows_) {
    archives_.drop_waiting(flow, "the run ended");
    // Its earlier frames make a complete file: that needs no room.
    (void)archives_.hand_over(flow);
  }
  flows_.clear();
}

void connections_layout::give_up() noexcept {
  for (const auto& [cookie, flow] : flows_) context_.counts.lost_write.add(flow.waiting_records);
}

}  // namespace tcpinfo::collect
