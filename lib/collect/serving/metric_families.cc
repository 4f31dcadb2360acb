// SPDX-License-Identifier: Apache-2.0
//
// Names that begin the list are those of M-Lab's collector, which dashboards know, with its
// meaning; the rest is ours. Every label has a few values that stand here or in a table: none comes
// from what is recorded, but those of the traffic (traffic_families).
#include "collect/serving/metric_families.h"

#include <fmt/format.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/version.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "collect/serving/metric_builder.h"
#include "collect/serving/traffic_families.h"
#include "collect/telemetry/log.h"

namespace tcpinfo::collect {
namespace {

// Of attributes: those that a kernel can send are there from the start, so that a first one is an
// increase and not a new series.
std::vector<families::sample> by_type(const std::array<counter, counted_types>& counts,
                                      std::vector<std::string>& names, bool known) {
  names.resize(counted_types);
  std::vector<families::sample> samples;
  for (std::size_t type = 0; type < counted_types; ++type) {
    const std::string_view name =
        type == 0 ? std::string_view() : group_name(static_cast<field_group>(type));
    if (known && name.empty()) continue;
    if (!known && counts[type].get() == 0 && type != counted_types - 1) continue;
    names[type] = !name.empty()               ? std::string(name)
                  : type == counted_types - 1 ? std::string("other")
                                              : fmt::format("type_{}", type);
    samples.push_back({names[type], number(counts[type])});
  }
  return samples;
}

void add_mlab(families& all, const metric_sources& from) {
  const statistics& s = from.counts;
  const observations& o = from.seen;
  all.histograms("tcpinfo_syscall_time_histogram",
                 "Time of one dump of all sockets, in seconds, by address family.",
                 {distribution(o.syscall_time_both, labelled("af", "both")),
                  distribution(o.syscall_time_ipv4, labelled("af", "ipv4")),
                  distribution(o.syscall_time_ipv6, labelled("af", "ipv6"))});
  all.histograms("tcpinfo_polling_interval_histogram",
                 "Time from one poll to the next as it was, in seconds.",
                 {distribution(o.polling_interval)});
  all.histograms("tcpinfo_connection_count_histogram",
                 "Sockets that a poll showed, by address family.",
                 {distribution(o.connections_ipv4, labelled("af", "ipv4")),
                  distribution(o.connections_ipv6, labelled("af", "ipv6"))});
  all.histograms("tcpinfo_cache_count_histogram", "Connections in the flow table at each poll.",
                 {distribution(o.cached)});
  all.histograms("tcpinfo_send_rate_histogram",
                 "Bits sent by recorded connections in a second; one observation a second.",
                 {distribution(o.send_rate)});
  all.histograms("tcpinfo_receive_rate_histogram",
                 "Bits received by recorded connections in a second; one observation a second.",
                 {distribution(o.receive_rate)});
  all.totals("tcpinfo_error_total", "Faults, by what failed.", "type",
             {{"poll", number(s.failed_polls)},
              {"events", number(s.lost_events)},
              {"write", static_cast<double>(s.write_errors.get())},
              {"message", number(s.duplicate_attributes)}});
  all.total("tcpinfo_new_file_total", "Files created.", s.files_created);
  all.total("tcpinfo_snapshot_total", "Snapshots taken for recording, of all connections.",
            o.snapshots);
  std::vector<std::string> large;
  all.totals("large_netlink_total", "Attributes longer than this release knows, in records.",
             "type", by_type(o.large_attributes, large, true));
  std::vector<std::string> skipped;
  all.totals("netlink_skipped_total",
             "Attributes of types this release does not know, in records (they are recorded).",
             "type", by_type(o.skipped_attributes, skipped, false));
  all.totals("tcpinfo_flow_events_total", "Connections that opened and closed.", "event",
             {{"open", number(o.flows_opened)}, {"close", number(o.flows_closed)}});
}

void add_sampling(families& all, const metric_sources& from) {
  const statistics& s = from.counts;
  const observations& o = from.seen;
  all.gauge("tcpinfo_interval_seconds", "Time between polls that was asked for.",
            static_cast<double>(from.interval_ns) * 1e-9);
  all.histograms("tcpinfo_achieved_interval_seconds",
                 "Time from one poll to the next as it was, in buckets up to 10 s.",
                 {distribution(o.achieved_interval)});
  all.total("tcpinfo_polls_total", "Polls done, failed ones included.", s.polls);
  const auto by_events = static_cast<double>(s.netns_by_events.load(std::memory_order_relaxed));
  const auto sampled = static_cast<double>(s.netns_sampled.load(std::memory_order_relaxed));
  std::vector<std::string> ways = {"events", "dump"};
  all.gauges("tcpinfo_sampling", "Network namespaces that are sampled, by how.", "by",
             {{ways[0], by_events}, {ways[1], sampled - by_events}});
  all.total("tcpinfo_walked_polls_total", "Polls that looked at every socket.", s.complete_polls);
  all.total("tcpinfo_marks_total",
            "Active sockets: those to which something happened, as the activity feed told.",
            s.active_sockets);
  all.total("tcpinfo_marks_dropped_total",
            "Active sockets that found no room in the activity feed; the poll dumped all instead.",
            s.dropped_activity);
  all.total("tcpinfo_marks_missed_total",
            "Events that the kernel did not show to the BPF program, because that was running on "
            "the processor already.",
            s.missed_activity);
  all.total("tcpinfo_queries_total", "Sockets queried one by one.", s.queries);
  all.total("tcpinfo_reconciliations_total",
            "Dumps that the reconciler made to look for missed changes.", s.reconciled);
  all.total("tcpinfo_unannounced_changes_total",
            "Missed changes: the reconciler found them, and no activity event had told of them.",
            s.missed_changes);
  all.total("tcpinfo_clock_steps_total", "Times the wall clock was stepped.", s.clock_steps);
  all.total("tcpinfo_suspends_total", "Times the machine slept.", s.suspends);
  all.total("tcpinfo_reloads_total", "Reloads that changed the UUID prefix or the exclusions.",
            s.reloads);
  all.total("tcpinfo_missed_ticks_total", "Polls that were due while another was running.",
            s.missed_ticks);
  all.total("tcpinfo_idle_ticks_total",
            "Ticks that needed no poll, because the kernel told of no active socket.",
            s.idle_ticks);
  all.total("tcpinfo_budget_ticks_total", "Polls left out to keep the processor budget.",
            s.budget_ticks);
  all.total("tcpinfo_failed_polls_total", "Polls that did not show every connection.",
            s.failed_polls);
  all.total("tcpinfo_dump_messages_total", "Sockets that dumps showed.", o.dump_messages);
  all.total("tcpinfo_dump_bytes_total", "Bytes of the kernel's answers to dumps.", o.dump_bytes);
  all.total("tcpinfo_sockets_seen_total", "Sockets that dumps and queries showed.", s.sockets_seen);
  all.totals("tcpinfo_sockets_changed_total",
             "Sockets seen that had changed, whether there was room for the record or not, and "
             "whether it was wanted or not.",
             {},
             {{{},
               number(o.snapshots) + number(s.lost_queue) + number(s.sample_records) +
                   number(s.thin_records) + number(s.finals_only_records)}});
  all.gauge("tcpinfo_network_namespaces",
            "Network namespaces that are sampled, the collector's own included.",
            static_cast<double>(s.netns_sampled.load(std::memory_order_relaxed)));
  all.gauge(
      "tcpinfo_network_namespaces_unheard",
      "Of these, those whose kernel or sandbox tells of no ends: connections end without final "
      "counters.",
      static_cast<double>(s.netns_unheard.load(std::memory_order_relaxed)));
  all.total("tcpinfo_network_namespace_faults_total",
            "Network namespaces that were asked for and could not be found or entered.",
            s.netns_faults);
  all.total("tcpinfo_connections_total", "Connections recorded.", s.connections);
  all.totals(
      "tcpinfo_left_out_connections_total",
      "Connections of which by policy nothing is recorded (sample), or the final record alone "
      "(finals_only).",
      "policy",
      {{"sample", number(s.sample_connections)},
       {"finals_only", number(s.finals_only_connections)}});
  all.totals("tcpinfo_left_out_records_total",
             "Changes of connections that would have been records, and were left out by policy: "
             "--sample, --thin, --finals-only.",
             "policy",
             {{"sample", number(s.sample_records)},
              {"thin", number(s.thin_records)},
              {"finals_only", number(s.finals_only_records)}});
  all.gauge("tcpinfo_open_flows", "Connections that are open, as of the last poll.",
            static_cast<double>(o.open_flows.load(std::memory_order_relaxed)));
  all.total("tcpinfo_destroy_events_total",
            "Destroy events of connections, those included that --sample leaves out.",
            s.destroy_events);
  all.total("tcpinfo_destroy_overflows_total",
            "Times the kernel dropped destroy events that were not read in time.", s.lost_events);
  all.total("tcpinfo_ended_unseen_total", "Connections that ended without a destroy event.",
            s.ended_unseen);
  all.total(
      "tcpinfo_detached_total",
      "Connections whose TCP ended while a program kept the socket: closed 5 s later, without "
      "their final record.",
      s.detached);
  all.total(
      "tcpinfo_detached_forgotten_total",
      "Detached connections that were too many to be remembered until their socket is closed.",
      s.detached_forgotten);
  all.gauge("tcpinfo_detached_flows",
            "Detached connections whose socket is not closed yet, as far as is known.",
            static_cast<double>(s.detached_now.load(std::memory_order_relaxed)));
  all.total("tcpinfo_finals_lost_total", "Connections whose destroy event the kernel has dropped.",
            s.lost_finals);
  all.total("tcpinfo_finals_cleared_total",
            "Connections aborted here, whose final counters the kernel had cleared.",
            s.cleared_finals);
  all.total("tcpinfo_sent_bytes_total",
            "Bytes sent by recorded connections, retransmissions included.", o.bytes_sent);
  all.total("tcpinfo_received_bytes_total", "Bytes received by recorded connections.",
            o.bytes_received);
}

void add_publishing(families& all, const metric_sources& from) {
  if (from.publishing == nullptr || from.publishing->empty()) return;
  const std::int64_t now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                  std::chrono::steady_clock::now().time_since_epoch())
                                  .count();
  const auto each = [&](auto value) {
    std::vector<families::sample> samples;
    for (const publish_counts& one : *from.publishing)
      samples.push_back({one.target, static_cast<double>(value(one))});
    return samples;
  };
  const auto totals = [&](std::string_view name, std::string_view help,
                          counter publish_counts::*which) {
    all.totals(name, help, "target",
               each([which](const publish_counts& one) { return (one.*which).get(); }));
  };
  totals("tcpinfo_publish_messages_total",
         "Blocks, or whole segments, that a target of --publish has acknowledged.",
         &publish_counts::messages);
  totals("tcpinfo_publish_bytes_total", "Bytes of these, as compressed.", &publish_counts::bytes);
  totals("tcpinfo_publish_resent_total", "Of these messages, those that this run had sent before.",
         &publish_counts::resent);
  totals("tcpinfo_publish_duplicates_total",
         "Of these messages, those that the target said it had already.",
         &publish_counts::duplicates);
  totals("tcpinfo_publish_faults_total", "Tries to send that failed; all are repeated.",
         &publish_counts::faults);
  totals("tcpinfo_publish_damaged_total",
         "Stretches of segments that hold no whole block, and were not sent.",
         &publish_counts::damaged);
  totals("tcpinfo_publish_too_large_total",
         "Blocks that a target refuses for their size, and that were passed over.",
         &publish_counts::too_large);
  totals("tcpinfo_publish_unreadable_total",
         "Segments that could not be read; what is left of them is tried at the next start.",
         &publish_counts::unreadable);
  totals("tcpinfo_publish_gone_total",
         "Segments that were removed before a target had all of them.", &publish_counts::gone);
  all.gauges("tcpinfo_publish_lag_bytes",
             "Bytes in the output directory that a target has not acknowledged.", "target",
             each([](const publish_counts& one) {
               return one.lag_bytes.load(std::memory_order_relaxed);
             }));
  all.gauges("tcpinfo_publish_lag_seconds",
             "Since a target had acknowledged all that there was, or since the start.", "target",
             each([now_ns](const publish_counts& one) {
               const std::int64_t level_ns = one.level_ns.load(std::memory_order_relaxed);
               return static_cast<double>(std::max<std::int64_t>(now_ns - level_ns, 0)) / 1e9;
             }));
}

void add_writing(families& all, const metric_sources& from) {
  const statistics& s = from.counts;
  all.info("tcpinfo_layout", "How files are laid out (--layout); always 1.",
           {{"layout", from.layout == layout::segments ? "segments" : "connections"}});
  all.total("tcpinfo_records_written_total", "Data records in files.", s.records);
  all.totals("tcpinfo_records_dropped_total",
             "Records that are in no file: the queue to the writer was full (the next poll tries "
             "again), memory for final records was used up, a file could not be written.",
             "reason",
             {{"ring", number(s.lost_queue)},
              {"backlog", number(s.lost_backlog)},
              {"write", number(s.lost_write)}});
  all.total("tcpinfo_written_bytes_total", "Bytes appended to files, as compressed.",
            s.bytes_written);
  all.total("tcpinfo_frames_total", "Zstd frames appended to files; of segments each is a block.",
            s.frames);
  const auto faults = [&s](write_fault what) { return number(s.write_errors.of(what)); };
  all.totals("tcpinfo_write_errors_total", "Writes that failed and were tried again.", "kind",
             {{"no_space", faults(write_fault::no_space)},
              {"read_only", faults(write_fault::read_only)},
              {"descriptors", faults(write_fault::descriptors)},
              {"io", faults(write_fault::io)},
              {"memory", faults(write_fault::memory)},
              {"other", faults(write_fault::other)}});
  all.total("tcpinfo_early_flushes_total",
            "Buffers written before their time because memory ran short.", s.early_flushes);
  all.totals("tcpinfo_retention_files_total",
             "Complete archives removed by --max-age and --max-disk.", "limit",
             {{"age", number(s.retention_files_age)}, {"disk", number(s.retention_files_disk)}});
  all.totals("tcpinfo_retention_bytes_total", "Bytes of the disk that they took.", "limit",
             {{"age", number(s.retention_bytes_age)}, {"disk", number(s.retention_bytes_disk)}});
  all.total("tcpinfo_retention_unsent_files_total",
            "Of those removed by --max-disk, segments that not all targets of --publish had.",
            s.retention_files_unsent);
  all.total("tcpinfo_retention_faults_total",
            "Archives and folders that --max-age and --max-disk could not look at or remove.",
            s.retention_faults);
  all.gauge("tcpinfo_output_allocated_bytes",
            "Bytes of the disk that the output directory takes; 0 without --max-disk.",
            static_cast<double>(s.output_allocated.load(std::memory_order_relaxed)));
  all.total("tcpinfo_files_completed_total", "Files finalized.", s.files_finalized);
  all.total("tcpinfo_files_lost_total", "Files that could not be finalized.", s.lost_files);
  all.total("tcpinfo_leftovers_completed_total", "Files of an earlier run that were finalized.",
            s.leftovers_finalized);
  all.total("tcpinfo_leftovers_set_aside_total", "Damaged files of an earlier run, kept apart.",
            s.set_aside);
  all.total("tcpinfo_files_not_rewritten_total",
            "Files that were completed in small frames or blocks, because rewriting them failed.",
            s.not_rewritten);
  all.total("tcpinfo_unread_message_bytes_total",
            "Bytes of the kernel's messages that could not be read.", s.unread_bytes);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < from.writers.size(); ++i) names.push_back(std::to_string(i));
  std::vector<families::sample> used;
  std::vector<families::sample> room;
  std::vector<families::sample> memory;
  std::vector<families::sample> waiting;
  std::vector<families::sample> limit;
  for (std::size_t i = 0; i < names.size(); ++i) {
    writer& w = *from.writers[i];
    // The two ends of a queue are not read at one moment.
    const std::size_t capacity = w.queue().capacity_bytes();
    used.push_back({names[i], static_cast<double>(std::min(w.queue().used_bytes(), capacity))});
    room.push_back({names[i], static_cast<double>(capacity)});
    memory.push_back({names[i], static_cast<double>(w.queue().memory_bytes())});
    waiting.push_back({names[i], static_cast<double>(w.waiting_bytes())});
    limit.push_back({names[i], static_cast<double>(w.waiting_limit())});
  }
  all.gauges("tcpinfo_ring_used_bytes", "Snapshots on their way to a writer.", "writer", used);
  all.gauges("tcpinfo_ring_capacity_bytes", "Bytes that a writer's queue holds at most.", "writer",
             room);
  all.gauges("tcpinfo_ring_memory_bytes",
             "Memory that a writer's queue takes, which grows when it is needed.", "writer",
             memory);
  all.gauges("tcpinfo_buffer_used_bytes", "Memory of snapshots that wait to be written.", "writer",
             waiting);
  all.gauge("tcpinfo_tombstone_bytes",
            "Memory of remembered cookies of closed connections, taken off what records may use.",
            static_cast<double>(s.tombstone_bytes.load(std::memory_order_relaxed)));
  all.total(
      "tcpinfo_tombstones_dropped_total",
      "Cookies of closed connections that were forgotten before their time because memory ran "
      "short.",
      s.tombstones_dropped);
  all.total("tcpinfo_summaries_left_out_total",
            "Summaries of connections that a segment is without because memory ran short: readers "
            "read its records.",
            s.summaries_left_out);
  all.gauges("tcpinfo_buffer_limit_bytes",
             "Above this the oldest waiting snapshots are written early.", "writer", limit);
}

// There without an event socket too: a dashboard need not know.
void add_events(families& all, const metric_sources& from) {
  const event_counts none;
  const event_counts& c = from.events != nullptr ? from.events->counts() : none;
  all.gauge("tcpinfo_event_clients", "Clients of the event socket.",
            static_cast<double>(c.clients.load(std::memory_order_relaxed)));
  all.totals("tcpinfo_event_clients_total",
             "Clients of the event socket since the start: accepted; of these cut off because they "
             "did not read; refused because there were too many, or no memory.",
             "outcome",
             {{"accepted", number(c.accepted)},
              {"cut_off", number(c.cut_off)},
              {"refused", number(c.refused)}});
  all.total("tcpinfo_events_sent_total", "Lines for clients of the event socket.", c.sent);
  all.totals("tcpinfo_events_dropped_total",
             "Openings and closings that no client was told of: the server's queue had no room for "
             "an opening; a "
             "close whose open was dropped.",
             "reason", {{"queue", number(c.not_queued)}, {"server", number(c.not_sent)}});
}

}  // namespace

std::vector<prometheus::MetricFamily> metric_families(const metric_sources& from,
                                                      const http_counts& served,
                                                      exemplars_by_family* exemplars) {
  families all;
  add_mlab(all, from);
  add_sampling(all, from);
  add_writing(all, from);
  add_publishing(all, from);
  add_events(all, from);
  all.totals("tcpinfo_log_lines_dropped_total",
             "Lines of the log that were dropped because nobody read it.", {},
             {{{}, static_cast<double>(log_lines_dropped())}});
  all.totals(
      "tcpinfo_metrics_clients_total",
      "Clients of the metrics endpoint: answered with the metrics or a probe's page; refused "
      "because they asked for something else, or it is not recording; cut off, for others came and "
      "there was no place left, or because "
      "they had not read an answer in 30 seconds.",
      "outcome",
      {{"answered", number(served.answered)},
       {"refused", number(served.refused)},
       {"cut_off", number(served.cut_off)}});
  all.info("tcpinfo_build_info", "The running program; always 1.",
           {{"version", version_string()}, {"compiler", __VERSION__}});
  if (from.traffic != nullptr) add_traffic(all, *from.traffic, exemplars);
  return all.take();
}

}  // namespace tcpinfo::collect
