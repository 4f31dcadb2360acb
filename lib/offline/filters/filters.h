// SPDX-License-Identifier: Apache-2.0
//
// Which records are wanted, and thinning by time.
#ifndef TCPINFO_OFFLINE_FILTERS_FILTERS_H
#define TCPINFO_OFFLINE_FILTERS_FILTERS_H

#include <tcpinfo/archive.h>
#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "offline/filters/by_connection.h"
#include "offline/filters/ends_list.h"
#include "offline/filters/uuid_list.h"
#include "offline/inputs/inputs.h"
#include "text/values.h"

namespace tcpinfo::offline {

/// What is wanted. Empty lists want everything; within a list one match is enough, and every list
/// that is not empty must match.
struct filter_options {
  uuid_list uuids{};
  ends_list ends{};  ///< who is in one of these two lists is not asked for the other
  std::vector<std::uint16_t> ports{};  ///< at either end
  std::vector<std::uint16_t> sports{};
  std::vector<std::uint16_t> dports{};
  std::vector<text::host_prefix>
      hosts{};  ///< at either end; an IPv4 prefix also takes IPv4-mapped addresses
  std::vector<text::host_prefix> srcs{};
  std::vector<text::host_prefix> dsts{};
  std::vector<std::string> cgroups{};  ///< patterns of fnmatch(3), of the owner's control group
  std::vector<std::string> comms{};    ///< the same, of the name of the owner's process
  std::uint32_t states = 0;            ///< state_bit of each; 0 = all
  std::optional<timestamp> since{};    ///< this moment and later; a record without a time fails
  std::optional<timestamp> until{};    ///< before this moment
  std::int64_t every_ns = 0;           ///< thin to one record in this time; 0 = all (see thinner)

  /// Whether owners matter.
  [[nodiscard]] bool by_owner() const noexcept { return !cgroups.empty() || !comms.empty(); }
  /// Whether connections are named one by one.
  [[nodiscard]] bool by_name() const noexcept { return !uuids.empty() || !ends.empty(); }
  /// Whether ports and addresses of connections matter.
  [[nodiscard]] bool by_ends() const noexcept {
    return !ports.empty() || !sports.empty() || !dports.empty() || !hosts.empty() ||
           !srcs.empty() || !dsts.empty();
  }
};

/// Whether that leaves out no connection, whatever it wants of their records' times and states.
[[nodiscard]] bool wants_all_connections(const filter_options& options) noexcept;

/// The kernel's names and constants (CLOSE_WAIT, TCP_CLOSE_WAIT) and every word and group of ss(8)
/// (close-wait, connected), in any case; several between commas. Their bits are added to `states`,
/// all 32 for "all".
/// @return what is wrong, with all the words there are; empty where nothing is.
[[nodiscard]] std::string parse_states(std::string_view text, std::uint32_t& states);

/// Of records with a message.
struct filter_counts {
  std::uint64_t seen = 0;
  std::uint64_t passed = 0;
};

/// Says which records are wanted. Keeps the ends of the connections it saw, because the last record
/// of a connection that was aborted here has no remote port. One for each reader.
class record_filter {
 public:
  explicit record_filter(filter_options options)
      : options_(std::move(options)), named_ends_(options_.ends) {}

  /// Whether a record with a message is wanted. Records without a message (metadata) are never
  /// refused. Show it every record of the input, in order.
  [[nodiscard]] bool wants(const input_record& r);
  /// The same without regard to the state.
  [[nodiscard]] bool wants_in_any_state(const input_record& r);

  /// Of what wants() and wants_in_any_state() were asked.
  [[nodiscard]] const filter_counts& counts() const noexcept { return counts_; }

  /// UUID (or cookie), ports, addresses and interface alone, whatever ends are named.
  /// `any_dport`: the remote port is not known, and may be any.
  [[nodiscard]] bool wants_connection(std::string_view uuid, const socket_id& id,
                                      bool any_dport = false) const;
  /// `text` as owner_text() makes it.
  [[nodiscard]] bool wants_owner(std::string_view text) const;
  [[nodiscard]] bool wants_state(std::uint8_t state) const noexcept;
  [[nodiscard]] bool wants_time(const timestamp& t) const noexcept;

  [[nodiscard]] const filter_options& options() const noexcept { return options_; }

 private:
  [[nodiscard]] bool judge(const input_record& r);
  [[nodiscard]] socket_id ends_of(const input_record& r);
  [[nodiscard]] static bool is_lost_end(const socket_id& id, std::uint8_t state) noexcept;
  [[nodiscard]] bool has_wanted_ends(const socket_id& id, bool any_dport) const;

  filter_options options_;
  ends_filter named_ends_;
  filter_counts counts_;
  by_connection<socket_id> ends_;
  context_pointer owner_context_;  // that was judged last
  bool wants_owner_ = false;
};

/// Thins by time: keeps a connection's first and last record of an input, every change of state,
/// and of the others one in each `every_ns`. Order is kept. Records without a message or without a
/// time pass untouched. In a segment, the last record of a connection whose end is not in it comes
/// behind all others, because only then it is known to be the last. One for each reader.
class thinner {
 public:
  explicit thinner(std::int64_t every_ns) : every_ns_(every_ns) {}

  /// Calls `emit(input_record&)` for the records that are known to be kept, `r` perhaps among them.
  /// Where `r` is held back, *r.parsed is swapped for another record, or (of a segment, which may
  /// have tens of thousands of connections open) its message is copied, and `parsed` is null then.
  template <class F>
  void push(input_record& r, F&& emit) {
    if (every_ns_ <= 0) {
      emit(r);
      return;
    }
    // A file of more connections than that begins anew: some rows more, none less.
    const bool in_segment = r.context != nullptr && r.context->in_segment;
    if (connections_.is_over(r.context) ||
        connections_.size() > (in_segment ? most_in_segment : most_connections))
      flush(emit);
    connections_.enter(r.context);
    if (keeps(r))
      emit(r);
    else
      hold(r);
  }
  /// At the end of each input: emits the last record of each connection. (Before the reader opens
  /// the next input: records of captures are views into it.)
  template <class F>
  void flush(F&& emit) {
    for (held* h : take_held()) emit(h->r);
    connections_.clear();
  }

 private:
  static constexpr std::size_t most_connections = 8192;
  static constexpr std::size_t most_in_segment = 131'072;
  struct held {
    input_record r;
    record parsed;
    std::vector<std::byte> bytes;  // of a segment's message, in place of `parsed`
    bool full = false;
    timestamp kept;          // when one was kept last
    std::uint8_t state = 0;  // of the record before
  };
  [[nodiscard]] bool keeps(const input_record& r);
  void hold(input_record& r);
  [[nodiscard]] std::vector<held*> take_held();

  std::int64_t every_ns_;
  by_connection<held> connections_;
};

}  // namespace tcpinfo::offline

#endif
