// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/writer.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <new>

#include "collect/os/thread.h"

namespace tcpinfo::collect {
namespace {

// Between two portions of writing, at most this many snapshots are taken; and between two looks at
// the queue, at most this many flows are written.
constexpr int drain_limit = 4096;
constexpr int write_limit = 16;
constexpr std::size_t gone_limit = 100'000;
// At the end a write that fails is tried so often, with a pause before each new try.
constexpr int last_tries = 10;
constexpr std::int64_t last_pause_ns = 100'000'000;

}  // namespace

std::error_code writer::start() {
  if (const auto ec = archives_.open()) return ec;
  return context_.system.start_thread(
      [this] {
        name_this_thread("writer");
        run();
      },
      thread_);
}

void writer::wake() noexcept {
  // Both sides use sequentially consistent operations: either the writer sees what was pushed, or
  // we see that it sleeps.
  queue_.announce();
  if (!sleeping_.load(std::memory_order_seq_cst)) return;
  // Passed once, so that it does not fall asleep between its last look and ours; and not held while
  // it is woken, for that is what it takes first.
  { const std::lock_guard lock(mutex_); }
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
    for (const auto& [cookie, flow] : flows_) context_.counts.lost_write.add(flow.waiting_records);
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
  // Read before the queue: what was pushed before finish() is then seen.
  const bool finishing = finishing_.load(std::memory_order_seq_cst);
  if (!due_is_whole_) renew_due();
  drain();
  const std::int64_t now_ns = context_.system.monotonic_ns();
  const bool more = write_portion(now_ns);
  give_back_memory(now_ns);
  waiting_bytes_.store(waiting_now_, std::memory_order_relaxed);
  if (queue_.used_bytes() > 0) return false;
  if (finishing) return true;
  if (!more) wait(now_ns);
  return false;
}

void writer::wait(std::int64_t now_ns) {
  std::int64_t until_ns = now_ns + 1'000'000'000;
  for (const due_queue* queue : {&due_, &retries_})
    if (!queue->empty()) until_ns = std::min(until_ns, queue->front().at_ns);
  std::unique_lock lock(mutex_);
  sleeping_.store(true, std::memory_order_seq_cst);
  if (queue_.used_bytes() == 0 && !finishing_.load(std::memory_order_seq_cst))
    context_.system.wait(changed_, lock, until_ns);
  sleeping_.store(false, std::memory_order_seq_cst);
}

void writer::drain() {
  snapshot_header header;
  bytes_view message;
  const std::int64_t now_ns = context_.system.monotonic_ns();
  for (int i = 0; i < drain_limit && queue_.front(header, message); ++i) {
    try {
      take(header, message, now_ns);
    } catch (const std::bad_alloc&) {
      context_.counts.lost_write.add();
    }
    queue_.pop(header);
    keep_budget(now_ns);
  }
  observer_.publish();
  waiting_bytes_.store(waiting_now_, std::memory_order_relaxed);
}

template <class F>
bool writer::with_account(flow_log& flow, std::int64_t now_ns, F&& deed) {
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
  waiting_now_ = waiting_now_ - before + flow.waiting.capacity_bytes();
  if (flow.waiting_records == 0 && (done || !flow.ended)) return done;
  if (!done) {
    flow.retry_ns = now_ns + write_retry_ns;
    add_due(retries_, flow, flow.retry_ns);
  } else if (!waited || flow.waiting_since_ns != waited_since_ns) {
    // What waits may be other records than before: those of a file that was just begun.
    add_due(due_, flow, flow.waiting_since_ns + hold_ns_);
  }
  return done;
}

// Entries of flows that were written since are stale; short connections leave one each.
void writer::add_due(due_queue& queue, flow_log& flow, std::int64_t at_ns) noexcept try {
  flow.due_ns = at_ns;
  if (queue.size() > 4 * flows_.size() + 1024) {
    std::erase_if(queue, [this](const due& entry) {
      const auto found = flows_.find(entry.cookie);
      return found == flows_.end() || found->second.due_ns != entry.at_ns;
    });
  }
  queue.push_back({flow.cookie, at_ns});
} catch (const std::bad_alloc&) {
  due_is_whole_ = false;
}

// After memory had run out: nothing that waits may be forgotten.
void writer::renew_due() {
  due_queue fresh;
  for (auto& [cookie, flow] : flows_) {
    if (flow.waiting_records == 0 && !flow.ended) continue;
    flow.due_ns = flow.waiting_since_ns + hold_ns_;
    fresh.push_back({cookie, flow.due_ns});
  }
  std::sort(fresh.begin(), fresh.end(),
            [](const due& a, const due& b) { return a.at_ns < b.at_ns; });
  due_ = std::move(fresh);
  due_queue().swap(retries_);
  due_is_whole_ = true;
}

flow_log& writer::flow_of(const snapshot_header& header, std::int64_t now_ns) {
  auto found = flows_.find(header.cookie);
  if (found != flows_.end() && found->second.ended) {
    // The socket came back: what it did before belongs to a file of its own. Where that cannot be
    // finished now, one file holds both.
    if (flow_log* const still = write(found->second, now_ns); still != nullptr)
      still->ended = false;
    found = flows_.find(header.cookie);
  }
  if (found != flows_.end()) return found->second;
  flow_log& flow = flows_[header.cookie];
  archives_.begin(flow, header);
  if (const auto before = gone_.find(header.cookie); before != gone_.end()) {
    flow.sequence = before->second.sequence;
    flow.first_seen = before->second.first_seen;
    // Its end is told late; else the socket is in use again.
    if (header.kind == snapshot_kind::final) flow.opened = before->second.opened;
    flow.prefix = before->second.prefix;
    gone_.erase(before);
  }
  return flow;
}

void writer::take(const snapshot_header& header, bytes_view message, std::int64_t now_ns) {
  if (header.kind == snapshot_kind::ended_unseen && !flows_.contains(header.cookie)) return;
  flow_log& flow = flow_of(header, now_ns);
  if (header.kind != snapshot_kind::ended_unseen) {
    observer_.look(flow, header, message);
    const bool added = with_account(flow, now_ns, [&] {
      archives_.add(flow, header, message, now_ns);
      return true;
    });
    if (!added) context_.counts.lost_write.add();
  }
  flow.ended = header.kind == snapshot_kind::final || header.kind == snapshot_kind::reused_final ||
               header.kind == snapshot_kind::ended_unseen;
  flow.may_return = header.kind == snapshot_kind::ended_unseen;
  if (!flow.ended && !archive_writer::is_full(flow)) return;
  if (now_ns >= flow.retry_ns)
    make_ready(flow);
  else if (flow.ended)
    add_due(retries_, flow, flow.retry_ns);
}

void writer::make_ready(flow_log& flow) {
  if (flow.ready) return;
  flow.ready = true;
  ready_.push_back(flow.cookie);
}

// A flow that is due by now, the soonest first; nullptr where there is none.
flow_log* writer::next_due(due_queue& queue, std::int64_t now_ns) {
  while (!queue.empty() && queue.front().at_ns <= now_ns) {
    const due next = queue.front();
    queue.pop_front();
    const auto found = flows_.find(next.cookie);
    if (found != flows_.end() && (found->second.waiting_records > 0 || found->second.ended) &&
        found->second.due_ns == next.at_ns)
      return &found->second;
  }
  return nullptr;
}

// What could not be written has waited longest.
flow_log* writer::oldest() {
  constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
  flow_log* const flow = next_due(retries_, any);
  return flow != nullptr ? flow : next_due(due_, any);
}

flow_log* writer::next_to_write(std::int64_t now_ns) {
  while (!ready_.empty()) {
    const auto found = flows_.find(ready_.front());
    ready_.pop_front();
    if (found == flows_.end()) continue;
    found->second.ready = false;
    return &found->second;
  }
  flow_log* const flow = next_due(retries_, now_ns);
  return flow != nullptr ? flow : next_due(due_, now_ns);
}

// Writes what waits; of an ended connection also hands the file over and forgets the flow. Where
// that fails the flow stays, and is due again.
// @return the flow; nullptr where it is forgotten.
flow_log* writer::write(flow_log& flow, std::int64_t now_ns) {
  const bool done = with_account(
      flow, now_ns, [&] { return flow.ended ? archives_.complete(flow) : archives_.flush(flow); });
  if (!done || !flow.ended) return &flow;
  waiting_now_ -= flow.waiting.capacity_bytes();
  if (flow.may_return) remember_gone(flow);
  flows_.erase(flow.cookie);
  return nullptr;
}

// What comes of it later goes on after its last file. The oldest are forgotten first: of most
// nothing comes any more.
void writer::remember_gone(const flow_log& flow) {
  for (; gone_order_.size() >= gone_limit; gone_order_.pop_front()) {
    const gone_flow& oldest = gone_order_.front();
    const auto found = gone_.find(oldest.cookie);
    if (found != gone_.end() && found->second.number == oldest.number) gone_.erase(found);
  }
  gone_order_.push_back({flow.cookie, ++gone_number_});
  gone_[flow.cookie] = {flow.sequence, flow.first_seen, flow.opened, flow.prefix, gone_number_};
}

bool writer::write_portion(std::int64_t now_ns) {
  for (int i = 0; i < write_limit; ++i) {
    flow_log* flow = next_to_write(now_ns);
    if (flow == nullptr) return false;
    (void)write(*flow, now_ns);
  }
  return true;
}

// The oldest go first. Only when they cannot be written is anything given up, the oldest again, and
// counted: better than to be killed for memory and lose all.
void writer::keep_budget(std::int64_t now_ns) {
  // While nothing can be written there is an eighth to go before the next try.
  const std::size_t budget = waiting_limit();
  while (waiting_now_ > (now_ns < budget_retry_ns_ ? budget + budget / 8 : budget)) {
    flow_log* flow = oldest();
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
    if (waiting_now_ <= budget + budget / 8) return;
    with_account(*flow, now_ns, [&] {
      archives_.drop_waiting(*flow, "memory ended");
      return true;
    });
    if (flow->ended) (void)write(*flow, now_ns);
  }
}

// The allocator keeps what was freed. After the first record of very many connections, or a burst,
// that is more than all that is needed later.
void writer::give_back_memory(std::int64_t now_ns) noexcept {
  constexpr std::size_t worth_it = std::size_t{16} << 20;
  constexpr std::int64_t pause_ns = 60'000'000'000;
  waiting_most_ = std::max(waiting_most_, waiting_now_);
  if (waiting_most_ < worth_it || waiting_now_ > waiting_most_ / 8) return;
  if (given_back_ns_ != 0 && now_ns - given_back_ns_ < pause_ns) return;
  given_back_ns_ = now_ns;
  waiting_most_ = waiting_now_;
#if defined(__GLIBC__)
  (void)::malloc_trim(0);
#endif
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
