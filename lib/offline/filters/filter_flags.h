// SPDX-License-Identifier: Apache-2.0
//
// The flags by which every reading tool picks records: the same names, texts and refusals.
#ifndef TCPINFO_OFFLINE_FILTERS_FILTER_FLAGS_H
#define TCPINFO_OFFLINE_FILTERS_FILTER_FLAGS_H

#include <stdexcept>
#include <string>
#include <vector>

#include "offline/filters/filters.h"
#include "offline/filters/wanted_connection.h"

namespace CLI {
class App;
class Option;
}

namespace tcpinfo::offline {

/// A value that cannot be used: what() is the whole line to print; exit status 2.
class bad_value : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The flags as they were typed. Lists given several times mean any of all they name; of the times
/// the last one counts.
struct filter_flags {
  std::vector<std::string> uuid;
  std::vector<connection_name> named;  ///< by arguments that are no flags
  std::vector<std::string> port, sport, dport;
  std::vector<std::string> host, src, dst;
  std::vector<std::string> state;
  std::vector<std::string> cgroup, comm;
  std::string since, until, every;
};

/// Declares a flag whose value is a list, and which adds to itself when given again.
CLI::Option* add_list(CLI::App& app, const char* name, std::vector<std::string>& to,
                      const char* meaning);

/// Declares --uuid --port --sport --dport --host --src --dst --state --since --until, and --every
/// where `thins`.
void declare(CLI::App& app, filter_flags& f, bool thins = true);

/// --cgroup and --comm alone.
void declare_owners(CLI::App& app, filter_flags& f);

/// --since and --until alone.
void declare_times(CLI::App& app, filter_flags& f);

/// Those of connections alone: without --since and --until, which a live dump has no use for.
void declare_of_connections(CLI::App& app, filter_flags& f);

/// Throws bad_value. `find_interface`: for %NAME behind addresses, where the interfaces are those
/// of this machine now; else null.
[[nodiscard]] filter_options to_filter_options(const filter_flags& f,
                                               const text::interface_finder& find_interface = {});

}  // namespace tcpinfo::offline

#endif
