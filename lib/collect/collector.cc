// SPDX-License-Identifier: Apache-2.0
#include "collect/collector.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "collect/completer.h"
#include "collect/exclusions.h"
#include "collect/identity.h"
#include "collect/log.h"
#include "collect/sampler.h"
#include "collect/sequence_index.h"
#include "collect/writer.h"

namespace tcpinfo::collect {
namespace {

// In the output directory; held while a collector runs there.
constexpr std::string_view lock_name = ".tcpinfo-collect.lock";
// All rings together; about 14,000 snapshots, or 140 ms at 100,000 records a second.
constexpr std::size_t ring_bytes = std::size_t{8} << 20;
// What is neither ring nor waiting snapshot: code, netlink buffers, compressors, the flow table's
// first tens of thousands of connections.
constexpr std::uint64_t other_memory = std::uint64_t{48} << 20;

unsigned writers_for_this_machine() {
  // One writer keeps up with 100,000 records a second or more; two cores leave no room for two.
  return std::thread::hardware_concurrency() >= 4 ? 2 : 1;
}

std::string describe(const std::error_code& ec) {
  if (ec.category() == std::system_category()) {
    if (ec.value() == ENOENT || ec.value() == EPROTONOSUPPORT)
      return ec.message() + " (has this kernel inet_diag? try: modprobe tcp_diag)";
    if (ec.value() == EPERM || ec.value() == EACCES)
      return ec.message() + " (netlink is not permitted here)";
  }
  return ec.message();
}

// Makes the output directory and takes its lock. 0, or the exit status.
int claim_output(os& system, const std::string& output, std::unique_ptr<held_lock>& lock) {
  if (const auto ec = system.make_directories(output)) {
    log("cannot create output directory {}: {}", output, ec.message());
    return exit_usage;
  }
  if (const auto ec = system.lock(output + "/" + std::string(lock_name), lock)) {
    if (ec.category() == std::system_category() && ec.value() == EWOULDBLOCK) {
      log("another collector is recording to {}", output);
      return exit_trouble;
    }
    log("cannot write to output directory {}: {}", output, ec.message());
    return exit_usage;
  }
  return exit_ok;
}

// Leftovers go to the completer, which works on them while sampling has begun.
std::error_code read_output(os& system, const config& settings, const identity& who,
                            sequence_index& index, completer& complete) {
  std::vector<std::string> leftovers;
  std::vector<std::string> stale;
  if (const auto ec = index.read(system, settings.output, who.uuid_prefix, leftovers, stale))
    return ec;
  // Copies of files that are whole under their .part name.
  for (const std::string& path : stale) (void)system.remove(path);
  std::vector<completion> jobs;
  jobs.reserve(leftovers.size());
  for (std::string& path : leftovers) jobs.push_back({.part = std::move(path), .leftover = true});
  complete.add(std::move(jobs));
  return {};
}

int run(os& system, const config& settings, int stop_descriptor) {
  identity who;
  if (const auto ec = make_identity(settings, who)) {
    log("UUID prefix from {}: {}",
        settings.uuid_prefix_file.empty() ? "host name and boot time" : settings.uuid_prefix_file,
        ec.message());
    return exit_usage;
  }
  exclusions unwanted;
  if (const auto ec = unwanted.set(settings.include_local, settings.exclude_sports,
                                   settings.exclude_destinations)) {
    log("exclusions: {}", ec.message());
    return exit_usage;
  }
  const auto from = system.make_dump_source({&unwanted.rules()});
  // Asked before the output directory is made: where the kernel says no, nothing is left behind.
  if (const auto ec = from->probe()) {
    log("cannot dump sockets: {}", describe(ec));
    return exit_trouble;
  }
  std::unique_ptr<held_lock> lock;
  if (const int status = claim_output(system, settings.output, lock); status != exit_ok)
    return status;

  statistics counts;
  completer complete(system, counts, settings.output, settings.level);
  sequence_index earlier;
  if (const auto ec = read_output(system, settings, who, earlier, complete)) {
    log("cannot read output directory {}: {}", settings.output, ec.message());
    return exit_trouble;
  }
  const writer_context context{system, settings, who, counts, complete, earlier};
  const unsigned count = settings.writers != 0 ? settings.writers : writers_for_this_machine();
  const std::uint64_t waiting =
      std::max<std::uint64_t>(settings.max_memory, other_memory + ring_bytes + (8U << 20)) -
      other_memory - ring_bytes;
  std::vector<std::unique_ptr<writer>> writers;
  for (unsigned i = 0; i < count; ++i) {
    writers.push_back(std::make_unique<writer>(context, ring_bytes / count,
                                               static_cast<std::size_t>(waiting / count)));
    if (const auto ec = writers.back()->start()) {
      log("cannot start a writer: {}", ec.message());
      return exit_trouble;
    }
  }
  // Not earlier: events would gather while the output directory is read.
  if (const auto ec = from->open()) {
    log("cannot open inet_diag: {}", describe(ec));
    return exit_trouble;
  }
  complete.start();
  if (settings.verbose)
    log("recording to {} every {}, UUID prefix {}, run {}, {} writer{}", settings.output,
        who.interval, who.uuid_prefix, who.run, count, count == 1 ? "" : "s");

  sampler samples(system, settings, unwanted, earlier, *from, writers, counts);
  const auto ec = samples.run(stop_descriptor);
  for (const auto& w : writers) w->finish();
  complete.finish();
  if (ec) {
    log("cannot dump sockets: {}", describe(ec));
    return exit_trouble;
  }
  log_line(summary_line(counts, samples.intervals()));
  return total_losses(counts) == 0 ? exit_ok : exit_trouble;
}

}  // namespace

int collect(os& system, const config& settings, int stop_descriptor) {
  try {
    return run(system, settings, stop_descriptor);
  } catch (const std::bad_alloc&) {
    log_line("out of memory");
  } catch (const std::system_error& e) {
    log_line(e.what());
  }
  return exit_trouble;
}

}  // namespace tcpinfo::collect
