// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/netns_samplers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "collect/os/thread.h"
#include "collect/os/wake_event.h"
#include "collect/sampling/attendant.h"
#include "collect/telemetry/log.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t millisecond = 1'000'000;
// Processes come and go without anybody telling: looked for so often, and no oftener than costs 2 %
// of a processor.
constexpr std::int64_t look_every_ns = 100 * millisecond;
constexpr std::int64_t look_share = 50;
constexpr std::int64_t look_rest = 4;
// A namespace in which something failed is tried again no sooner.
constexpr std::int64_t retry_ns = 10'000 * millisecond;
// One that nobody refers to any more is left when it has had no connection for so long.
constexpr std::int64_t quiet_ns = 1'000 * millisecond;
// A name that is being made is no namespace for a moment: a fault is one when it is seen twice.
constexpr int looks_before_fault = 2;

void open(wake_event& event) {
  if (const auto ec = event.open()) throw std::system_error(ec, "eventfd");
}

/// Descriptors that stay free while a namespace takes its own: those that are recorded already have
/// files to write. Throws std::system_error (EMFILE) where there are not as many.
class descriptor_reserve {
 public:
  descriptor_reserve() {
    for (wake_event& one : held_) open(one);
  }

 private:
  std::array<wake_event, 16> held_;
};

/// Ends a sampler when told to, or when its namespace is gone and its connections are, too.
class netns_attendant final : public attendant {
 public:
  netns_attendant() { open(event_); }

  // Its loop's thread.
  [[nodiscard]] bool after_poll(const loop_state& state) override {
    if (referenced_.load(std::memory_order_relaxed) || state.flows > 0 || !state.complete) {
      quiet_since_ns_ = state.now_ns;
      return true;
    }
    return state.now_ns - quiet_since_ns_ < quiet_ns;
  }
  [[nodiscard]] bool attend(std::int64_t /*now_ns*/) override {
    return !stop_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] int descriptor() const noexcept override { return event_.get(); }
  [[nodiscard]] std::int64_t due_ns() const noexcept override {
    return std::numeric_limits<std::int64_t>::max();
  }

  // Any thread.
  void stop() noexcept {
    stop_.store(true, std::memory_order_relaxed);
    event_.signal();
  }
  void set_referenced(bool is) noexcept { referenced_.store(is, std::memory_order_relaxed); }

 private:
  wake_event event_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> referenced_{true};
  std::int64_t quiet_since_ns_ = 0;
};

// Until everything that was pushed before is in the writers' hands.
void wait_for_writers(const sampler_context& context) noexcept {
  for (const auto& w : context.writers) {
    const std::uint64_t pushed = w->queue().pushed_bytes();
    while (w->queue().popped_bytes() < pushed) {
      w->wake();
      context.system.wait(-1, -1, context.system.monotonic_ns() + millisecond);
    }
  }
}

}  // namespace

/// The sampler of one namespace, and its thread.
class netns_samplers::one {
 public:
  /// `woken` hears of the end.
  /// @param again whether it has failed before: then it says nothing when it begins
  one(const sampler_context& context, netns_registry& namespaces, std::atomic<bool>& say_dumps,
      const found_netns& where, const wake_event& woken, bool again)
      : context_(context),
        namespaces_(namespaces),
        say_dumps_(say_dumps),
        where_(where),
        woken_(woken),
        again_(again) {}
  ~one() {
    attendant_.stop();
    if (thread_.joinable()) thread_.join();
  }
  one(const one&) = delete;
  one& operator=(const one&) = delete;

  /// @return why there is no thread for it.
  [[nodiscard]] std::error_code start() {
    return context_.system.start_thread(
        [this] {
          name_this_thread("sampler");
          run();
        },
        thread_);
  }
  [[nodiscard]] const found_netns& where() const noexcept { return where_; }
  void set_referenced(bool is) noexcept { attendant_.set_referenced(is); }
  void stop() noexcept { attendant_.stop(); }
  /// Until it samples, or has failed.
  void wait_begun() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return state_ != state::beginning; });
  }
  void wait_ended() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return state_ == state::ended; });
  }
  /// Whether it has sampled all the time since then.
  [[nodiscard]] bool has_sampled_since(std::int64_t ns) const {
    const std::lock_guard lock(mutex_);
    return state_ == state::sampling && since_ns_ <= ns;
  }
  [[nodiscard]] bool has_ended() const {
    const std::lock_guard lock(mutex_);
    return state_ == state::ended;
  }
  // When it has ended.
  [[nodiscard]] const std::error_code& error() const noexcept { return error_; }
  [[nodiscard]] const duration_histogram& intervals() const noexcept { return intervals_; }

 private:
  enum class state { beginning, sampling, ended };

  void set(state now) {
    {
      const std::lock_guard lock(mutex_);
      state_ = now;
      since_ns_ = context_.system.monotonic_ns();
    }
    changed_.notify_all();
  }

  void run() noexcept {
    try {
      error_ = sample();
    } catch (const std::bad_alloc&) {
      error_ = system_error(ENOMEM);
    } catch (const std::system_error& e) {
      error_ = e.code();
    }
    set(state::ended);
    woken_.signal();
  }

  [[nodiscard]] std::error_code sample() {
    if (const auto ec = context_.system.enter_netns(where_)) return ec;
    const auto entry =
        std::make_shared<recorded_netns>(where_.name, context_.system, context_.settings.anonymize);
    if (const auto ec = entry->addresses.open()) return ec;
    current_exclusions unwanted(context_.unwanted);
    (void)unwanted.renew();
    std::string why;
    std::optional<descriptor_reserve> for_files(std::in_place);
    const auto from = context_.sources.make(source_options_of(context_.settings, unwanted), why);
    if (const auto ec = from->open()) return ec;
    for_files.reset();
    // Where none is sampled by events, it was said of the collector's own. Of the first of others:
    // there may be thousands, and the metric tells how many.
    if (!why.empty() && say_dumps_.exchange(false))
      log(event::netns_found, "network namespace {} is sampled by dumps, not by events: {}",
          where_.name, why);
    const std::uint32_t number = namespaces_.add(entry);
    sampler samples(context_, {number, where_.name, unwanted, *from});
    context_.counts.netns_sampled.fetch_add(1, std::memory_order_relaxed);
    set(state::sampling);
    // From here on nothing in it is missed.
    if (context_.settings.verbose && !again_)
      log(event::netns_found, "recording network namespace {} too", where_.name);
    if (from->follows()) context_.counts.netns_by_events.fetch_add(1, std::memory_order_relaxed);
    go_first(from->follows());
    const auto ec = samples.run(attendant_);
    if (from->follows()) context_.counts.netns_by_events.fetch_sub(1, std::memory_order_relaxed);
    context_.counts.netns_sampled.fetch_sub(1, std::memory_order_relaxed);
    wait_for_writers(context_);
    namespaces_.remove(number);
    intervals_ = samples.intervals();
    return ec;
  }

  const sampler_context& context_;
  netns_registry& namespaces_;
  std::atomic<bool>& say_dumps_;
  const found_netns where_;
  const wake_event& woken_;
  const bool again_;
  netns_attendant attendant_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  state state_ = state::beginning;
  std::int64_t since_ns_ = 0;
  std::error_code error_;
  duration_histogram intervals_;
  std::thread thread_;
};

std::error_code probe_netns(os& system, source_maker& sources, const config& settings,
                            const shared_exclusions& current, message_sink& sink) {
  netns_findings seen;
  system.find_netns(settings.netns)->find(seen);
  current_exclusions unwanted(current);
  (void)unwanted.renew();
  bool out_of_memory = false;
  // On a thread of its own, which need not find its way back.
  std::thread visitor;
  const auto ec = system.start_thread(
      [&] {
        try {
          for (const found_netns& where : seen.found) {
            if (system.enter_netns(where)) continue;
            std::string why;
            source_options options = source_options_of(settings, unwanted);
            options.follow = false;
            // What is wrong there is said when it is sampled.
            (void)sources.make(options, why)->probe(sink);
          }
        } catch (const std::bad_alloc&) {
          out_of_memory = true;
        }
      },
      visitor);
  if (ec) return ec;
  visitor.join();
  if (out_of_memory) throw std::bad_alloc();
  return {};
}

netns_samplers::netns_samplers(const sampler_context& context, netns_registry& namespaces,
                               bool by_events)
    : context_(context), namespaces_(namespaces), say_dumps_(by_events) {}

netns_samplers::~netns_samplers() { finish(); }

std::error_code netns_samplers::start() {
  finder_ = context_.system.find_netns(context_.settings.netns);
  if (const auto ec = woken_.open()) return ec;
  // Before those of the samplers, which can wait until there is room for them.
  const auto ec = context_.system.start_thread(
      [this] {
        name_this_thread("netns finder");
        first_look_done_.acquire();
        run();
      },
      thread_);
  if (ec) return ec;
  look();
  for (const auto& o : running_) o->wait_begun();
  first_look_done_.release();
  return {};
}

void netns_samplers::finish() noexcept {
  if (thread_.joinable()) {
    finishing_.store(true, std::memory_order_relaxed);
    woken_.signal();
    // Where the first look has failed it waits for it still.
    first_look_done_.release();
    thread_.join();
  }
  // All at once, then one after the other.
  for (const auto& o : running_) o->stop();
  for (const auto& o : running_) {
    o->wait_ended();
    intervals_.add(o->intervals());
  }
  running_.clear();
}

void netns_samplers::run() noexcept {
  os& system = context_.system;
  std::int64_t looked_ns = 0;
  for (;;) {
    // Where mounts come and go all the time, a fifth of a processor at most.
    system.wait(woken_.get(), -1, system.monotonic_ns() + looked_ns * look_rest);
    finder_->wait(woken_.get(),
                  system.monotonic_ns() + std::max(look_every_ns, looked_ns * look_share));
    woken_.clear();
    if (finishing_.load(std::memory_order_relaxed)) return;
    const std::int64_t begun_ns = system.monotonic_ns();
    try {
      look();
    } catch (const std::bad_alloc&) {
      // The next look makes up for it.
    } catch (const std::system_error&) {
      // So it does for what else could not be had.
    }
    looked_ns = system.monotonic_ns() - begun_ns;
  }
}

void netns_samplers::look() {
  finder_->find(seen_);
  reap();
  std::map<netns_id, const found_netns*> idle;
  for (const found_netns& where : seen_.found) idle.emplace(where.id, &where);
  // Where not all was to be seen, what was not seen may be there all the same.
  if (seen_.complete)
    std::erase_if(failures_, [&](const auto& entry) { return !idle.contains(entry.first); });
  const std::int64_t now_ns = context_.system.monotonic_ns();
  for (const auto& o : running_) {
    const bool seen = idle.erase(o->where().id) > 0;
    if (seen || seen_.complete) o->set_referenced(seen);
    // One that fails again and again, and samples for moments in between, fails all the time.
    if (o->has_sampled_since(now_ns - retry_ns)) forget_failure(*o);
  }
  for (const auto& [id, where] : idle)
    if (const auto failed = failures_.find(id);
        failed == failures_.end() || failed->second.again_ns <= now_ns)
      begin(*where);
  for (const auto& [id, failed] : failures_) seen_.faults.push_back(failed.fault);
  say_faults();
}

void netns_samplers::begin(const found_netns& where) {
  try {
    const bool again = failures_.contains(where.id);
    auto made = std::make_unique<one>(context_, namespaces_, say_dumps_, where, woken_, again);
    if (const auto ec = made->start())
      fail(where, ec, "no thread for it");
    else
      running_.push_back(std::move(made));
  } catch (const std::system_error& e) {
    fail(where, e.code());
  }
}

void netns_samplers::forget_failure(const one& recovered) {
  if (failures_.erase(recovered.where().id) > 0 && context_.settings.verbose)
    log(event::netns_found, "recording network namespace {} too", recovered.where().name);
}

void netns_samplers::reap() {
  for (auto at = running_.begin(); at != running_.end();) {
    one& ended = **at;
    if (!ended.has_ended()) {
      ++at;
      continue;
    }
    intervals_.add(ended.intervals());
    if (ended.error()) fail(ended.where(), ended.error());
    at = running_.erase(at);
  }
}

void netns_samplers::fail(const found_netns& where, const std::error_code& ec, std::string lacks) {
  // Gone before it was entered: that is no fault.
  if (is_errno(ec, ESTALE) || is_errno(ec, ENOENT)) return;
  failures_[where.id] = {context_.system.monotonic_ns() + retry_ns,
                         {"network namespace " + where.name, ec, std::move(lacks)}};
}

// Each once, until it is gone.
void netns_samplers::say_faults() {
  std::map<std::string, int> now;
  for (const netns_fault& fault : seen_.faults) {
    const auto before = faults_.find(fault.what);
    const int times =
        before == faults_.end() ? 1 : std::min(before->second, looks_before_fault) + 1;
    now[fault.what] = times;
    if (times != looks_before_fault) continue;
    context_.counts.netns_faults.add();
    log(event::netns_fault, {.error = fault.error},
        "cannot record {}: {}{}{} (tried again all the time)", fault.what, fault.lacks,
        fault.lacks.empty() ? "" : ": ",
        is_errno(fault.error, EINVAL) ? "it is none" : fault.error.message());
  }
  faults_ = std::move(now);
}

}  // namespace tcpinfo::collect
