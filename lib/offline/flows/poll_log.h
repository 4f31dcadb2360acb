// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_FLOWS_POLL_LOG_H
#define TCPINFO_OFFLINE_FLOWS_POLL_LOG_H

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace tcpinfo::offline {

/// The polls that records tell of, by the runs of the collector. A poll in which nothing changed
/// leaves no record, as one that was missed.
class poll_log {
 public:
  /// A number for the run's name.
  [[nodiscard]] std::uint32_t run_number(const std::string& run);
  void see(std::uint32_t run, std::uint64_t poll);
  /// Polls from `first` to `last` of which no record tells.
  [[nodiscard]] std::uint64_t silent(std::uint32_t run, std::uint64_t first,
                                     std::uint64_t last) const;
  /// The same over all runs, each from its first poll told of to its last; and those told of.
  [[nodiscard]] std::uint64_t silent() const;
  [[nodiscard]] std::uint64_t seen() const;

 private:
  // A bit for each poll, in pieces: a poll number out of all reason must not cost memory.
  static constexpr std::uint64_t piece_words = 64;
  static constexpr std::uint64_t piece_polls = piece_words * 64;
  using run_polls = std::map<std::uint64_t, std::array<std::uint64_t, piece_words>>;

  [[nodiscard]] std::uint64_t seen(std::uint32_t run, std::uint64_t first,
                                   std::uint64_t last) const;
  [[nodiscard]] std::uint64_t first_of(std::uint32_t run) const;
  [[nodiscard]] std::uint64_t last_of(std::uint32_t run) const;

  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<run_polls> runs_;
};

/// Polls of one run in which a connection was seen.
struct poll_span {
  std::uint32_t run = 0;  // of the poll_log
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

}  // namespace tcpinfo::offline

#endif
