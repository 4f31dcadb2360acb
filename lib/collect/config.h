// SPDX-License-Identifier: Apache-2.0
//
// The collector's settings, checked.
#ifndef TCPINFO_COLLECT_CONFIG_H
#define TCPINFO_COLLECT_CONFIG_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collect/connection_rows.h"
#include "collect/listen_address.h"
#include "collect/publish_url.h"
#include "collect/record_limits.h"
#include "collect/traffic_labels.h"

namespace tcpinfo::collect {

enum class anonymize_by { none, netblock };

/// What archives say of whose a connection is.
enum class owner_level {
  off,
  cgroup,   ///< the control group alone
  process,  ///< the process, too
};

enum class layout {
  connections,  ///< a file for each connection
  segments,     ///< files of many connections
};

enum class sampling_by {
  automatic,  ///< by events where that is possible
  dump,
  events,
};

struct config {
  std::string output = ".";
  std::int64_t interval_ns = 10'000'000;
  std::uint64_t reps = 0;        ///< polls to do, 0 = no end
  std::int64_t duration_ns = 0;  ///< time to run, 0 = no end
  collect::layout layout = collect::layout::connections;
  std::int64_t rotate_ns = 600'000'000'000;
  std::int64_t flush_ns = 5'000'000'000;
  int level = 3;
  unsigned writers = 0;  ///< 0 = by the machine's size
  sampling_by sampling = sampling_by::automatic;
  std::int64_t reconcile_ns = 10'000'000'000;
  bool realtime = true;   ///< brief polls by events run in real time, where that is allowed
  double cpu_budget = 0;  ///< percent of one processor, 0 = no limit
  std::uint64_t max_memory = std::uint64_t{256} << 20;
  std::int64_t max_age_ns = 0;  ///< of complete archives, 0 = no limit
  std::uint64_t max_disk = 0;   ///< bytes below the output directory, 0 = no limit
  bool include_local = false;
  bool verbose = false;
  std::vector<std::uint16_t> exclude_sports;
  std::vector<ip_prefix> exclude_destinations;
  std::vector<std::string> exclude_files;  ///< more of both, read again on request
  record_limits limits;
  anonymize_by anonymize = anonymize_by::none;
  owner_level owner = owner_level::off;
  unsigned file_mode = 0640;
  std::size_t event_buffer = std::size_t{32} << 20;  ///< of destroy events, in the kernel
  std::string uuid_prefix_file;               ///< empty: the prefix is made from host and boot time
  std::string event_socket;                   ///< path; empty: none
  std::optional<unsigned> event_socket_mode;  ///< none: the umask decides
  bool events_replay = false;
  bool events_owner = false;  ///< events say whose connections are, as far as `owner` has it told
  std::string query_socket;   ///< path; empty: none
  unsigned query_socket_mode = 0600;
  std::vector<std::string> netns;             ///< other network namespaces: names, paths, or "all"
  std::vector<publish_url> publish;           ///< where segments are sent, or their blocks
  std::optional<listen_address> prometheus;   ///< where metrics are served; none: nowhere
  std::optional<traffic_labels> traffic;      ///< of metrics of the traffic; none: no such metrics
  connection_rows_maker make_rows = nullptr;  ///< for targets of rows
};

}  // namespace tcpinfo::collect

#endif
