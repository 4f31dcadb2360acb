// SPDX-License-Identifier: Apache-2.0
#include "collect/collector.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "collect/control/main_attendant.h"
#include "collect/control/reload.h"
#include "collect/os/thread.h"
#include "collect/owners/bpf_owner_feed.h"
#include "collect/owners/owner_book.h"
#include "collect/publishing/publishers.h"
#include "collect/sampling/netns_samplers.h"
#include "collect/sampling/sampler.h"
#include "collect/serving/event_listener.h"
#include "collect/serving/event_server.h"
#include "collect/serving/metrics.h"
#include "collect/serving/query_server.h"
#include "collect/startup.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/traffic_table.h"
#include "collect/writing/finalizer.h"
#include "collect/writing/identity.h"
#include "collect/writing/memory_shares.h"
#include "collect/writing/netns_registry.h"
#include "collect/writing/output_lock.h"
#include "collect/writing/retention.h"
#include "collect/writing/salvage.h"
#include "collect/writing/segment_name.h"
#include "collect/writing/sequence_index.h"
#include "collect/writing/writer.h"

namespace tcpinfo::collect {
namespace {

// Nobody notices a processor that is taken so long.
constexpr std::int64_t longest_urgent_ns = 5'000'000;

unsigned writers_for_this_machine() {
  // One writer keeps up with 100,000 records a second or more; two cores leave no room for two.
  return std::thread::hardware_concurrency() >= 4 ? 2 : 1;
}

// Always: which of the two it is decides what recording costs and how it misses its ticks.
void say_sampling(const config& settings, bool by_events, const std::string& why_not) {
  if (by_events)
    log(event::started, "sampling by events: polls query active sockets only");
  else if (settings.sampling == sampling_by::dump)
    log(event::started, "sampling by dumps, as --sampling says");
  else
    log(event::started, "sampling by dumps, not by events: {}", why_not);
}

// The cookies of a dump.
class cookie_sink final : public message_sink {
 public:
  socket_outcome on_socket(const message& m) noexcept override {
    try {
      cookies.push_back(m.cookie());
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
    return socket_outcome::unchanged;
  }
  void on_destroyed(const message&) noexcept override {}

  std::vector<std::uint64_t> cookies;
  bool out_of_memory = false;
};

std::optional<std::uint64_t> newest_cookie(os& system) noexcept {
  std::uint64_t newest = 0;
  if (system.newest_cookie(newest)) return std::nullopt;
  return newest;
}

// Leftovers go to the finalizer, which works on them while sampling has begun.
std::error_code read_output(os& system, const config& settings, const identity& who,
                            std::vector<std::uint64_t> open, sequence_index& index,
                            finalizer& finalize) {
  unfinished_files unfinished;
  if (const auto ec =
          index.read(system, settings.output, who.uuid_prefix, std::move(open), unfinished))
    return ec;
  finalize.add(take_leftovers(system, std::move(unfinished)));
  return {};
}

// Connections that outlive a restart keep their UUID, also where the clock was stepped in between.
void keep_prefix(output_lock& lock, const config& settings, identity& who) {
  if (!settings.uuid_prefix_file.empty()) return;
  std::string note;
  if (!lock.read_note(note)) adopt_prefix(note, who);
  // Without it only that is lost; the disk may be full.
  (void)lock.write_note(prefix_note(who));
}

// Null where nobody asks whose connections are.
std::unique_ptr<owner_book> find_owners(const config& settings) {
  if (settings.owner == owner_level::off) return nullptr;
  // Who wants to be anonymous is not to be told by the name of a process.
  const bool anonymous = settings.anonymize != anonymize_by::none;
  const owner_level level = anonymous ? owner_level::cgroup : settings.owner;
  std::string why;
  auto feed = make_bpf_owner_feed(why);
  if (feed == nullptr)
    log(event::started,
        "owners by /proc, as far as it shows them, not by events: {}; those of short connections "
        "are missed",
        why);
  else if (settings.verbose && !why.empty())
    log(event::started, "owners by events, but {}", why);
  return std::make_unique<owner_book>(level, std::move(feed), anonymous);
}

// Credentials that cannot be read, or by too many, are a wrong usage; before anything is made.
int add_targets(const config& settings, publishers& out) {
  for (const publish_url& url : settings.publish)
    if (const std::string wrong = out.add(url, settings.make_rows); !wrong.empty()) {
      log(event::start_refused, "--publish {}: {}", url.name, wrong);
      return exit_usage;
    }
  return exit_ok;
}

// A target that is away is none of this: it is tried again.
int open_targets(publishers& targets) {
  std::string path;
  const auto ec = targets.open(path);
  if (!ec) return exit_ok;
  log(event::start_refused, {path, ec}, "cannot read what was published, {}: {}", path,
      ec.message());
  return exit_trouble;
}

int run(os& system, source_maker& sources, const config& settings, control& operator_says) {
  identity who;
  if (const auto ec = make_identity(settings, who)) {
    log(event::start_refused, {settings.uuid_prefix_file, ec}, "UUID prefix from {}: {}",
        settings.uuid_prefix_file.empty() ? "host name and boot time" : settings.uuid_prefix_file,
        ec.message());
    return is_shortage(ec) ? exit_trouble : exit_usage;
  }
  if (!settings.netns.empty() && !cookies_are_unique(who.kernel)) {
    log(event::start_refused,
        "other network namespaces need Linux 5.4: on {} their connections "
        "could have the UUIDs of others",
        who.kernel);
    return exit_trouble;
  }
  statistics counts;
  reloadable current(settings, counts);
  if (const std::string wrong = current.start(); !wrong.empty()) {
    log_line(event::start_refused, wrong);
    return exit_usage;
  }
  current_exclusions unwanted(current.unwanted());
  (void)unwanted.renew();
  publishers targets(system, settings.output);
  if (const int status = add_targets(settings, targets); status != exit_ok) return status;
  // Asked before a dump: that gives cookies to sockets that had none.
  const auto newest = newest_cookie(system);
  std::string why;
  source_options looking = source_options_of(settings, unwanted);
  // Of one sampler: those of many namespaces together could take every processor.
  if (settings.realtime) looking.urgent_ns = std::min(longest_urgent_ns, settings.interval_ns / 2);
  const auto from = sources.make(looking, why);
  if (!why.empty() && settings.sampling == sampling_by::events) {
    log(event::start_refused, "cannot sample by events: {}", why);
    return exit_trouble;
  }
  // Asked before the output directory is made: where the kernel says no, nothing is left behind.
  cookie_sink open;
  if (const auto ec = from->probe(open)) {
    log(event::start_refused, {.error = ec}, "cannot dump sockets: {}", describe(ec));
    return exit_trouble;
  }
  if (!settings.netns.empty())
    if (const auto ec = probe_netns(system, sources, settings, current.unwanted(), open))
      return refuse_thread("a visitor of network namespaces", ec);
  if (open.out_of_memory) throw std::bad_alloc();
  // The server of events asks them: they outlive it.
  std::unique_ptr<owner_book> owners;
  // Before there is anything to take back, too. It tells nothing before the first poll.
  std::unique_ptr<event_server> events;
  if (const int status = start_events(settings, current.prefixes(), events); status != exit_ok)
    return status;
  event_listener query_socket;
  if (const int status = open_query_socket(settings, query_socket); status != exit_ok)
    return status;
  if (const int status = check_metrics_address(settings); status != exit_ok) return status;
  output_lock lock(system, settings.output);
  if (const int status = claim_output(settings.output, lock); status != exit_ok) return status;
  if (const int status = check_finalizing(system, settings.output); status != exit_ok)
    return status;
  if (const int status = open_targets(targets); status != exit_ok) return status;
  keep_prefix(lock, settings, who);
  current.begin_with(who.uuid_prefix);

  finalizer finalize(system, counts, settings.output, settings.level);
  // A target knows a block by its number.
  if (std::any_of(settings.publish.begin(), settings.publish.end(),
                  [](const publish_url& url) { return !takes_segments(url); }))
    finalize.keep_blocks();
  sequence_index earlier;
  // And once more: until the lock was ours another collector may have recorded connections that
  // began meanwhile.
  earlier.set_newest_cookies(newest, newest_cookie(system));
  if (const auto ec =
          read_output(system, settings, who, std::move(open.cookies), earlier, finalize)) {
    log(event::start_refused, {settings.output, ec}, "cannot read output directory {}: {}",
        settings.output, ec.message());
    return exit_trouble;
  }
  netns_registry namespaces;
  const auto own = std::make_shared<recorded_netns>(std::string(), system, settings.anonymize);
  if (const auto ec = own->addresses.open()) {
    log(event::start_refused, {.error = ec}, "cannot read this machine's addresses: {}",
        ec.message());
    return exit_trouble;
  }
  const std::uint32_t own_number = namespaces.add(own);
  observations seen;
  std::optional<traffic_table> traffic;
  if (settings.traffic) traffic.emplace(*settings.traffic);
  owners = find_owners(settings);
  if (events && owners && settings.events_owner) events->tell_owners(*owners);
  writer_limits limits;
  const unsigned count = settings.writers != 0 ? settings.writers : writers_for_this_machine();
  const memory_shares memory = shares_of(settings.max_memory, count);
  const writer_context context{system,
                               settings,
                               who,
                               current.prefixes(),
                               counts,
                               limits,
                               finalize,
                               lock,
                               earlier,
                               namespaces,
                               seen,
                               count,
                               segment_stem(who.host, system.realtime_ns(), earlier.run_number()),
                               traffic ? &*traffic : nullptr,
                               owners.get()};
  std::vector<std::unique_ptr<writer>> writers;
  for (unsigned i = 0; i < count; ++i) {
    writers.push_back(std::make_unique<writer>(context, memory, i));
    if (const auto ec = writers.back()->start()) return refuse_thread("a writer", ec);
  }
  metrics_endpoint metrics({counts, seen, events.get(), writers, settings.interval_ns,
                            settings.layout, context.traffic, &targets.counts()});
  if (const int status = start_metrics(settings, metrics); status != exit_ok) return status;
  query_server queries(writers);
  if (const int status = start_queries(query_socket, queries); status != exit_ok) return status;
  // Not earlier: events would gather while the output directory is read.
  if (const auto ec = from->open()) {
    log(event::start_refused, {.error = ec}, "cannot open inet_diag: {}", describe(ec));
    return exit_trouble;
  }
  if (const auto ec = finalize.start()) return refuse_thread("the thread that completes files", ec);
  retention keep(system, counts, settings.output, {settings.max_age_ns, settings.max_disk},
                 settings.publish.empty() ? nullptr : &targets);
  if (const auto ec = keep.start())
    return refuse_thread("the thread that removes old archives", ec);
  if (const auto ec = targets.start()) return refuse_thread("a publisher", ec);
  say_sampling(settings, from->follows(), why);
  const bool finals_only = !settings.limits.finals_only.empty();
  if (const auto& policy = finals_only ? who.finals_only_policy : who.policy; !policy.empty())
    log(event::started, "recording less, as the flags say: {}", policy);
  if (settings.verbose)
    log(event::started, "recording to {} every {}, UUID prefix {}, run {}, {} writer{}",
        settings.output, who.interval, who.uuid_prefix, who.run, count, count == 1 ? "" : "s");

  const sampler_context sampling{system,
                                 sources,
                                 settings,
                                 current.unwanted(),
                                 current.prefixes(),
                                 earlier,
                                 writers,
                                 counts,
                                 seen,
                                 events.get(),
                                 system.monotonic_ns(),
                                 memory.waiting * count / 4};
  // The others first: ready means that nothing is missed in any of them.
  netns_samplers others(sampling, namespaces, from->follows());
  if (!settings.netns.empty())
    if (const auto ec = others.start()) return refuse_thread("looking for network namespaces", ec);
  counts.netns_sampled.fetch_add(1, std::memory_order_relaxed);
  if (from->follows()) counts.netns_by_events.fetch_add(1, std::memory_order_relaxed);
  main_attendant company(system, settings, current, operator_says, counts, seen, sampling.start_ns);
  sampler samples(sampling, {own_number, {}, unwanted, *from});
  // Every thread that is not a sampler has been started.
  go_first(from->follows());
  const auto ec = samples.run(company);
  others.finish();
  if (events) events->finish();
  // Before the writers, which it asks.
  queries.finish();
  for (const auto& w : writers) w->finish();
  finalize.finish();
  // All that is to be sent is complete now.
  targets.finish();
  keep.finish();
  if (ec) {
    log(event::start_refused, {.error = ec}, "cannot dump sockets: {}", describe(ec));
    return exit_trouble;
  }
  duration_histogram intervals = samples.intervals();
  intervals.add(others.intervals());
  counts.dropped_log_lines.add(log_lines_dropped());
  log_line(event::summary, summary_line(counts, intervals));
  return total_losses(counts) == 0 ? exit_ok : exit_trouble;
}

}  // namespace

void say_no_fsync(const std::string& path, std::error_code why) {
  log(event::no_fsync, {path, why},
      "the file system of {} has no fsync ({}): files are completed without waiting for stable "
      "storage",
      path, why.message());
}

int collect(os& system, source_maker& sources, const config& settings, control& operator_says) {
  const log_thread writes_lines;
  try {
    return run(system, sources, settings, operator_says);
  } catch (const std::bad_alloc&) {
    log_line(event::out_of_memory, "out of memory");
  } catch (const std::system_error& e) {
    log_line(event::start_refused, e.what(), {.error = e.code()});
  }
  return exit_trouble;
}

}  // namespace tcpinfo::collect
