// SPDX-License-Identifier: Apache-2.0
#include "collect/writer.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <new>

namespace tcpinfo::collect {
namespace {

// Between two portions of writing, at most this many snapshots are taken; and between two looks at
// the ring, at most this many flows are written.
constexpr int drain_limit = 4096;
constexpr int write_limit = 16;
constexpr std::size_t gone_limit = 100'000;
// At the end a write that fails is tried so often, with a pause before each new try.
constexpr int last_tries = 10;
constexpr std::int64_t last_pause_ns = 100'000'000;

}  // namespace

std::error_code writer::start() {
  if (const auto ec = archives_.open()) return ec;
  thread_ = std::thread([this] { run(); });
  return {};
}

void writer::wake() noexcept {
  // Both sides use sequentially consistent operations: either the writer sees what was pushed, or
  // we see that it sleeps.
  if (!sleeping_.load(std::memory_order_seq_cst)) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_one();
}

void writer::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    finishing_.store(true, std::memory_order_seq_cst);
    changed_.notify_one();
  }
  thread_.join();
}

void writer::run() {
  // Out of memory anywhere: what was being done is done again later, when there may be some.
  while (!without_memory_failing([this] { return turn(); })) {
  }
  if (!without_memory_failing([this] {
        finish_all();
        return true;
      }))
    context_.counts.lost_write.add(flows_.size());
}

// The deed's answer; false, after a pause, where memory ran out.
template <class F>
bool writer::without_memory_failing(F&& deed) {
  try {
    return deed();
  } catch (const std::bad_alloc&) {
    context_.counts.write_errors.add(errc::out_of_memory);
    context_.system.wait(-1, -1, context_.system.monotonic_ns() + last_pause_ns);
    return false;
  }
}

// True when all was taken that came before finish().
bool writer::turn() {
  // Read before the ring: what was pushed before finish() is then seen.
  const bool finishing = finishing_.load(std::memory_order_seq_cst);
  if (!due_is_whole_) renew_due();
  drain();
  const std::int64_t now_ns = context_.system.monotonic_ns();
  const bool more = write_portion(now_ns);
  if (ring_.used_bytes() > 0) return false;
  if (finishing) return true;
  if (!more) wait(now_ns);
  return false;
}

void writer::wait(std::int64_t now_ns) {
  std::int64_t until_ns = now_ns + 1'000'000'000;
  if (!due_.empty())
    until_ns = std::min(until_ns, due_.front().since_ns + context_.settings.flush_ns);
  std::unique_lock lock(mutex_);
  sleeping_.store(true, std::memory_order_seq_cst);
  if (ring_.used_bytes() == 0 && !finishing_.load(std::memory_order_seq_cst) && until_ns > now_ns)
    changed_.wait_for(lock, std::chrono::nanoseconds(until_ns - now_ns));
  sleeping_.store(false, std::memory_order_seq_cst);
}

void writer::drain() {
  snapshot_header header;
  bytes_view message;
  const std::int64_t now_ns = context_.system.monotonic_ns();
  for (int i = 0; i < drain_limit && ring_.front(header, message); ++i) {
    try {
      take(header, message, now_ns);
    } catch (const std::bad_alloc&) {
      context_.counts.lost_write.add();
    }
    ring_.pop(header);
    keep_budget(now_ns);
  }
}

template <class F>
bool writer::with_account(flow_log& flow, std::int64_t now_ns, F&& deed) {
  const std::size_t before = flow.waiting.capacity();
  const bool waited = flow.waiting_records > 0;
  const std::int64_t waited_since_ns = flow.waiting_since_ns;
  bool done = false;
  try {
    done = deed();
  } catch (const std::bad_alloc&) {
    // As a write that failed: what waits still waits, and memory may come back.
    context_.counts.write_errors.add(errc::out_of_memory);
  }
  waiting_bytes_ = waiting_bytes_ - before + flow.waiting.capacity();
  if (flow.waiting_records == 0 && (done || !flow.ended)) return done;
  if (!done) {
    flow.retry_ns = now_ns + write_retry_ns;
    flow.waiting_since_ns = flow.retry_ns - context_.settings.flush_ns;
  }
  // What waits may be other records than before: those of a file that was just begun.
  if (!done || !waited || flow.waiting_since_ns != waited_since_ns) add_due(flow);
  return done;
}

// Entries of flows that were written since are stale; short connections leave one each.
void writer::add_due(const flow_log& flow) noexcept try {
  if (due_.size() > 4 * flows_.size() + 1024) {
    std::erase_if(due_, [this](const due& entry) {
      const auto found = flows_.find(entry.cookie);
      return found == flows_.end() || found->second.waiting_since_ns != entry.since_ns;
    });
  }
  due_.push_back({flow.cookie, flow.waiting_since_ns});
} catch (const std::bad_alloc&) {
  due_is_whole_ = false;
}

// After memory had run out: nothing that waits may be forgotten.
void writer::renew_due() {
  std::deque<due> fresh;
  for (const auto& [cookie, flow] : flows_)
    if (flow.waiting_records > 0 || flow.ended) fresh.push_back({cookie, flow.waiting_since_ns});
  std::sort(fresh.begin(), fresh.end(),
            [](const due& a, const due& b) { return a.since_ns < b.since_ns; });
  due_ = std::move(fresh);
  due_is_whole_ = true;
}

flow_log& writer::flow_of(const snapshot_header& header, std::int64_t now_ns) {
  auto found = flows_.find(header.cookie);
  if (found != flows_.end() && found->second.ended) {
    // The socket came back: what it did before belongs to a file of its own. Where that cannot be
    // finished now, one file holds both.
    write(found->second, now_ns);
    found = flows_.find(header.cookie);
    if (found != flows_.end()) found->second.ended = false;
  }
  if (found != flows_.end()) return found->second;
  flow_log& flow = flows_[header.cookie];
  archives_.begin(flow, header);
  if (const auto before = gone_.find(header.cookie); before != gone_.end()) {
    flow.sequence = before->second.sequence;
    flow.first_seen = before->second.first_seen;
    flow.prefix = before->second.prefix;
    gone_.erase(before);
  }
  return flow;
}

void writer::take(const snapshot_header& header, bytes_view message, std::int64_t now_ns) {
  if (header.kind == snapshot_kind::gone && !flows_.contains(header.cookie)) return;
  flow_log& flow = flow_of(header, now_ns);
  if (header.kind != snapshot_kind::gone) {
    observer_.look(flow, header, message);
    const bool added = with_account(flow, now_ns, [&] {
      archives_.add(flow, header, message, now_ns);
      return true;
    });
    if (!added) context_.counts.lost_write.add();
  }
  flow.ended = header.kind == snapshot_kind::final || header.kind == snapshot_kind::moved_final ||
               header.kind == snapshot_kind::gone;
  flow.may_return = header.kind == snapshot_kind::gone;
  if ((flow.ended || archive_writer::is_full(flow)) && now_ns >= flow.retry_ns) make_ready(flow);
}

void writer::make_ready(flow_log& flow) {
  if (flow.ready) return;
  flow.ready = true;
  ready_.push_back(flow.cookie);
}

// The oldest flow with something that has waited since before that time; nullptr where there is
// none.
flow_log* writer::next_due(std::int64_t due_before_ns) {
  while (!due_.empty() && due_.front().since_ns <= due_before_ns) {
    const due next = due_.front();
    due_.pop_front();
    const auto found = flows_.find(next.cookie);
    // An entry is stale when its flow was written in between.
    if (found != flows_.end() && (found->second.waiting_records > 0 || found->second.ended) &&
        found->second.waiting_since_ns == next.since_ns)
      return &found->second;
  }
  return nullptr;
}

flow_log* writer::next_to_write(std::int64_t now_ns) {
  while (!ready_.empty()) {
    const auto found = flows_.find(ready_.front());
    ready_.pop_front();
    if (found == flows_.end()) continue;
    found->second.ready = false;
    return &found->second;
  }
  return next_due(now_ns - context_.settings.flush_ns);
}

// Writes what waits; of an ended connection also hands the file over and forgets the flow. Where
// that fails the flow stays, and is due again.
void writer::write(flow_log& flow, std::int64_t now_ns) {
  const bool done = with_account(
      flow, now_ns, [&] { return flow.ended ? archives_.complete(flow) : archives_.flush(flow); });
  if (!done || !flow.ended) return;
  waiting_bytes_ -= flow.waiting.capacity();
  if (flow.may_return) {
    // Rare: an event was lost, or a socket was disconnected. Not worth more than a bound.
    if (gone_.size() >= gone_limit) gone_.clear();
    gone_[flow.cookie] = {flow.sequence, flow.first_seen, flow.prefix};
  }
  flows_.erase(flow.cookie);
}

bool writer::write_portion(std::int64_t now_ns) {
  for (int i = 0; i < write_limit; ++i) {
    flow_log* flow = next_to_write(now_ns);
    if (flow == nullptr) return false;
    write(*flow, now_ns);
  }
  return true;
}

// The oldest go first. Only when they cannot be written is anything given up, the oldest again, and
// counted: better than to be killed for memory and lose all.
void writer::keep_budget(std::int64_t now_ns) {
  // While nothing can be written there is an eighth to go before the next try.
  while (waiting_bytes_ > (now_ns < budget_retry_ns_ ? budget_ + budget_ / 8 : budget_)) {
    flow_log* flow = next_due(std::numeric_limits<std::int64_t>::max());
    if (flow == nullptr) return;
    const std::size_t before = waiting_bytes_;
    write(*flow, now_ns);
    if (waiting_bytes_ < before) {
      context_.counts.early_flushes.add();
      context_.limits.budget.log(
          now_ns, event::memory_budget, {},
          "memory budget reached: the records that wait longest are written early, "
          "in smaller frames (--max-memory)");
      continue;
    }
    budget_retry_ns_ = now_ns + write_retry_ns;
    if (waiting_bytes_ <= budget_ + budget_ / 8) return;
    with_account(*flow, now_ns, [&] {
      archives_.drop_waiting(*flow, "memory ended");
      return true;
    });
    if (flow->ended) write(*flow, now_ns);
  }
}

void writer::finish_all() {
  for (int tries = 0; !flows_.empty() && tries < last_tries; ++tries) {
    if (tries > 0) context_.system.wait(-1, -1, context_.system.monotonic_ns() + last_pause_ns);
    const std::int64_t now_ns = context_.system.monotonic_ns();
    for (auto at = flows_.begin(); at != flows_.end();) {
      flow_log& flow = at->second;
      const bool done = with_account(flow, now_ns, [&] { return archives_.complete(flow); });
      at = done ? flows_.erase(at) : std::next(at);
    }
  }
  for (auto& [cookie, flow] : flows_) {
    archives_.drop_waiting(flow, "the run ended");
    // What reached its file before makes a complete one: that needs no room.
    (void)archives_.complete(flow);
  }
  flows_.clear();
}

}  // namespace tcpinfo::collect
