// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/make_source.h"

#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "collect/os/capabilities.h"
#include "collect/os/clock.h"
#include "collect/os/thread.h"
#include "collect/sampling/dump_source.h"
#include "collect/sampling/events/activity_feed.h"
#include "collect/sampling/events/bpf_feed.h"
#include "collect/sampling/events/event_source.h"
#include "collect/sampling/kept_answers.h"
#include "collect/telemetry/log.h"

namespace tcpinfo::collect {
namespace {

class real_source_maker final : public source_maker {
 public:
  explicit real_source_maker(os& system) : system_(system) {}

  std::unique_ptr<source> make(const source_options& options, std::string& why) override {
    why.clear();
    if (!options.follow) return std::make_unique<dump_source>(options);
    auto feed = feed_here(why);
    if (feed == nullptr) return std::make_unique<dump_source>(options);
    auto dumps = std::make_unique<dump_source>(options, kept_answers_here());
    // All sockets: the rules are the sampler's to change.
    source_options gentle;
    gentle.gentle = true;
    auto background = std::make_unique<dump_source>(gentle);
    // Opened here, because the reconciler's thread may be in another network namespace.
    if (const auto ec = background->open_dumps()) {
      why = "cannot walk beside the polls: " + ec.message();
      return dumps;
    }
    const bool may_hurry = options.urgent_ns > 0 && has_capability(capability::sys_nice);
    return std::make_unique<event_source>(
        options, event_source::parts{std::move(dumps), std::move(feed), std::move(background),
                                     [this] { return system_.monotonic_ns(); }, thread_cpu_ns,
                                     may_hurry ? be_urgent : nullptr,
                                     [this](std::function<void()> body, std::thread& out) {
                                       return system_.start_thread(std::move(body), out);
                                     }});
  }

 private:
  // Null where there can be no feed, and why.
  std::unique_ptr<activity_feed> feed_here(std::string& why) {
    const std::lock_guard lock(mutex_);
    // Tried once: it takes a tenth of a second, and what is not permitted will not be later.
    if (!feeds_tried_) {
      feeds_tried_ = true;
      feeds_ = make_bpf_feed_maker(why_no_feeds_);
      if (feeds_ != nullptr && !why_no_feeds_.empty())
        log(event::started, "sampling by events, but {}", why_no_feeds_);
    }
    if (feeds_ != nullptr) return feeds_->make(why);
    why = why_no_feeds_;
    return nullptr;
  }

  // Where answers cannot be kept they are received: dearer, and no worse otherwise.
  std::unique_ptr<kept_answers> kept_answers_here() {
    std::string why;
    auto kept = make_kept_answers(why);
    const std::lock_guard lock(mutex_);
    if (kept == nullptr && !std::exchange(said_not_kept_, true))
      log(event::started, "answers of the kernel are received, not kept by a filter: {}", why);
    return kept;
  }

  os& system_;
  std::mutex mutex_;
  bool feeds_tried_ = false;
  bool said_not_kept_ = false;
  std::unique_ptr<feed_maker> feeds_;
  std::string why_no_feeds_;
};

}  // namespace

source_options source_options_of(const config& settings,
                                 const current_exclusions& unwanted) noexcept {
  source_options options;
  // A reference: after a reload it has the new rules, from the next dump on.
  options.exclude = &unwanted.get().rules();
  options.event_buffer = settings.event_buffer;
  options.follow = settings.sampling != sampling_by::dump;
  options.reconcile_ns = settings.reconcile_ns;
  return options;
}

std::unique_ptr<source_maker> make_source_maker(os& system) {
  return std::make_unique<real_source_maker>(system);
}

}  // namespace tcpinfo::collect
