// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-collect/flags.h"

#include <fmt/format.h>
#include <tcpinfo/version.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "collect/control/mlab_flags.h"
#include "collect/telemetry/log.h"
#include "tcpinfo-collect/bad_flag.h"

namespace tcpinfo::tools {

void declare(CLI::App& app, collect_flags& f) {
  app.set_version_flag("--version", "tcpinfo-collect " + std::string(tcpinfo::version_string()));
  app.add_option("-o,--output", f.output, "directory for the archives; it is created")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--interval", f.interval, "time between polls")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--reps", f.reps, "polls to do, 0 = no end")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--duration", f.duration, "time to record, 0 = no end")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--layout", f.layout,
                 "connections: a file for each; segments: files of many connections, for servers "
                 "that open hundreds of them a second")
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--rotate", f.rotate, "a file this old is followed by a new one")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--flush", f.flush, "age at which records reach the file")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--level", f.level, "zstd level, 1 (fast) to 19 (small)")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--writers", f.writers, "threads that compress and write, 0 = by the machine")
      ->type_name("N")
      ->capture_default_str();
  app.add_option(
         "--sampling", f.sampling,
         "how to find what has changed: events (the kernel tells of active sockets, and only "
         "these are queried), dump (all connections are read), or auto: events where the "
         "kernel and the privileges allow it")
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--reconcile", f.reconcile,
                 "sampling by events: the longest time between two dumps by the reconciler")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_flag("--no-realtime", f.no_realtime,
               "sampling by events: never run polls in real time (brief ones are otherwise, where "
               "that is allowed)");
  app.add_option("--cpu-budget", f.cpu_budget,
                 "percent of one processor that all threads together should stay below, by polling "
                 "less often; 0 = no limit")
      ->type_name("PERCENT")
      ->capture_default_str();
  app.add_option("--max-memory", f.max_memory,
                 "where records that wait would take more, the oldest are written early")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--max-age", f.max_age,
                 "remove complete archives that were last written to longer ago, 0 = never")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--max-disk", f.max_disk,
                 "where the output directory takes more of the disk, remove its oldest complete "
                 "archives, 0 = never")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_flag("--include-local", f.include_local,
               "record loopback and link-local connections too");
  app.add_option(
         "--netns", f.netns,
         "record this network namespace, too: a name of ip-netns(8), a path, or all; can be "
         "given more than once")
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  const auto add_list = [&app](const char* name, std::vector<std::string>& to, const char* meaning,
                               const char* type) {
    app.add_option(name, to, meaning)
        ->type_name(type)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  add_list("--exclude-srcport", f.exclude_srcport,
           "local ports and ranges of them not to record; several lists add up", "LIST");
  add_list("--exclude-dstip", f.exclude_dstip,
           "remote addresses or prefixes not to record, IPv4-mapped forms included; several lists "
           "add up",
           "LIST");
  add_list("--exclude-file", f.exclude_file,
           "more exclusions, a line each: srcport LIST or dstip LIST; SIGHUP reads it again; can "
           "be given more than once",
           "FILE");
  app.add_option("--sample", f.sample,
                 "record one connection in so many, chosen by its cookie; the event socket and the "
                 "metrics tell of all")
      ->type_name("N")
      ->capture_default_str();
  app.add_option(
         "--thin", f.thin,
         "behind the first minute of a connection record it once in this time, and whenever "
         "its state, retransmissions, DSACKs or losses change; 0 = all changes")
      ->type_name("DURATION")
      ->capture_default_str();
  add_list("--finals-only", f.finals_only,
           "ports, local or remote, and ranges of them: of their connections keep the final record "
           "alone; several lists add up",
           "LIST");
  app.add_option("--anonymize", f.anonymize,
                 "none, or netblock: zero the host part of remote addresses")
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--owner", f.owner,
                 "say in the archives whose connections are: off, cgroup (control group alone), or "
                 "process (number, name and program, too)")
      ->type_name("LEVEL")
      ->capture_default_str();
  app.add_option("--file-mode", f.file_mode,
                 "mode of files; folders are searchable for those who may read")
      ->type_name("MODE")
      ->capture_default_str();
  app.add_option("--event-buffer", f.event_buffer,
                 "room the kernel is asked to give messages about ends while we are busy")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--uuid-prefix-file", f.uuid_prefix_file,
                 "file with the first part of UUIDs; SIGHUP reads it again")
      ->type_name("FILE");
  app.add_option("--prometheus", f.prometheus, "serve metrics here (:PORT is every address)")
      ->type_name("ADDR:PORT");
  app.add_option("--traffic-metrics", f.traffic_metrics,
                 "metrics of the recorded connections, by any of port, cc, prefix, cgroup, cause")
      ->type_name("LIST");
  app.add_option("--label-limit", f.label_limit,
                 "values of each of these that are told apart; the rest is in \"other\"")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--eventsocket", f.eventsocket, "unix socket that tells what opens and closes")
      ->type_name("PATH");
  app.add_option("--eventsocket-mode", f.eventsocket_mode,
                 "mode of that file; without it the umask decides")
      ->type_name("MODE");
  app.add_flag("--events-replay", f.events_replay,
               "tell each new client of that socket what is open already");
  app.add_flag("--events-owner", f.events_owner,
               "say on that socket, too, whose connections are, as --owner has it");
  app.add_option("--query-socket", f.query_socket,
                 "unix socket that gives the latest records of a connection (tcpinfo-dump ask)")
      ->type_name("PATH");
  app.add_option("--query-socket-mode", f.query_socket_mode, "mode of that file")
      ->type_name("MODE")
      ->capture_default_str();
  add_list("--publish", f.publish,
           "send what is recorded there, too: file:/FOLDER, https://HOST/PATH (whole segments), "
           "nats://HOST/SUBJECT, kafka://HOST/TOPIC (blocks); can be given more than once; needs "
           "--layout segments",
           "URL");
  app.add_option(
         "--publish-what", f.publish_what,
         "what is sent there: blocks (the default), or connections (a row of JSON for each, "
         "as of tcpinfo-csv --connections; not to file: and https://)")
      ->type_name("WHAT");
  app.add_flag("-v,--verbose", f.verbose, "say what is done, not only what goes wrong");
  // Alone these would say something of what is not there.
  for (const auto& [flag, of] : {std::pair("--label-limit", "--traffic-metrics"),
                                 std::pair("--eventsocket-mode", "--eventsocket"),
                                 std::pair("--events-replay", "--eventsocket"),
                                 std::pair("--query-socket-mode", "--query-socket")})
    app.get_option(flag)->needs(app.get_option(of));
}

void refuse_empty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const auto& given = option->results();
    if (option->get_expected_max() > 0 &&
        std::any_of(given.begin(), given.end(), [](const auto& value) { return value.empty(); }))
      throw bad_flag(fmt::format("{}: empty value", option->get_name()));
  }
}

std::vector<std::string> all_arguments(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> ours;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames())
      if (name != "help" && name != "version") ours.push_back(name);
  std::vector<std::string> all = {argv[0]};
  const auto value_of = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  const std::vector<const char*> typed(argv + 1, argv + argc);
  auto translated = collect::translate_mlab_flags(typed);
  for (std::string& flag : collect::environment_flags(ours, translated.arguments, value_of))
    all.push_back(std::move(flag));
  for (const std::string& flag : translated.ignored)
    collect::log(collect::event::usage, "{} means nothing here and is ignored", flag);
  for (std::string& argument : translated.arguments) all.push_back(std::move(argument));
  return all;
}

}  // namespace tcpinfo::tools
