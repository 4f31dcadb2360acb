// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_LIST_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_LIST_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "offline/flows/flow_key.h"
#include "offline/flows/flow_summary.h"
#include "offline/flows/poll_log.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// All connections of what was read.
class flow_list {
 public:
  /// Which round-trip times are kept of each.
  enum class rtts : std::uint8_t {
    bounded,  ///< quantiles within 1/64
    exact,    ///< all of them
  };
  explicit flow_list(rtts keep = rtts::exact)
      : rtts_(keep == rtts::exact ? quantiles::none : quantiles::usual) {}
  flow_list(const flow_list&) = delete;
  flow_list& operator=(const flow_list&) = delete;

  /// Give every record of the input, wanted or not: polls are counted over all of them.
  /// @return the connection it belongs to, null where it is of none (metadata, a listener).
  flow_summary* add(const input_record& r, bool wanted);

  /// Give every summary that was read in place of records. Of what polls these tell is not known.
  void add(input_summary& s);

  /// In the order of their keys, and of those with the same key (a socket in use again) as they
  /// were seen.
  [[nodiscard]] std::vector<flow_summary*> flows();
  [[nodiscard]] const name_pool& names() const noexcept { return names_; }
  [[nodiscard]] std::uint64_t snapshots() const noexcept { return snapshots_; }
  /// Files were passed over: nobody knows of which polls their records tell.
  void some_passed_over() noexcept { passed_over_ = true; }
  /// Polls between a connection's first and last record of which no record of any connection tells:
  /// missed, or nothing changed anywhere. nullopt without poll numbers, where files were passed
  /// over, and where summaries were read.
  [[nodiscard]] std::optional<std::uint64_t> silent_polls(const flow_summary& f) const;

 private:
  // Number of a connection, from 1.
  using number = std::uint32_t;
  struct entry {
    flow_summary flow;
    number next_same = 0;  // with the same key
  };

  void begin_context(const input_record& r);
  void begin_run(const archive_facts& a);
  [[nodiscard]] flow_key key_of(const input_record& r);
  [[nodiscard]] flow_summary* find(const input_record& r);
  template <class Leaves>
  [[nodiscard]] flow_summary* find(const flow_key& key, number*& place, entry*& last,
                                   Leaves&& is_left);
  flow_summary& begin(const flow_key& key, number& place, entry* last);
  [[nodiscard]] number& place_of(const flow_key& key);
  void grow();

  quantiles::limit rtts_;
  std::shared_ptr<const input_context> context_;
  std::uint32_t run_ = 0;
  std::string run_name_;  // and the namespace: of run_
  std::string netns_;
  poll_log polls_;
  name_pool names_;
  analysis::message_eye eye_{names_};
  std::deque<entry> flows_;                                 // they stay in place
  std::vector<number> places_ = std::vector<number>(1024);  // by hash; 0: free
  std::size_t keys_ = 0;
  flow_summary* latest_ = nullptr;  // of latest_cookie_ in context_
  bool latest_ended_ = false;       // in context_
  std::uint64_t latest_cookie_ = 0;
  std::uint64_t snapshots_ = 0;
  bool passed_over_ = false;  // files, or the records of what has summaries
};

}  // namespace tcpinfo::offline

#endif
