// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/poll_log.h"

#include <bit>

namespace tcpinfo::offline {

std::uint32_t poll_log::run_number(const std::string& run) {
  const auto [it, is_new] = numbers_.try_emplace(run, static_cast<std::uint32_t>(runs_.size()));
  if (is_new) runs_.emplace_back();
  return it->second;
}

void poll_log::see(std::uint32_t run, std::uint64_t poll) {
  runs_[run][poll / piece_polls][poll / 64 % piece_words] |= std::uint64_t{1} << (poll % 64);
}

std::uint64_t poll_log::seen(std::uint32_t run, std::uint64_t first, std::uint64_t last) const {
  std::uint64_t count = 0;
  const run_polls& pieces = runs_[run];
  for (auto piece = pieces.lower_bound(first / piece_polls);
       piece != pieces.end() && piece->first <= last / piece_polls; ++piece) {
    for (std::uint64_t w = 0; w < piece_words; ++w) {
      const std::uint64_t word = piece->first * piece_words + w;
      if (word < first / 64 || word > last / 64) continue;
      std::uint64_t bits = piece->second[w];
      if (word == first / 64) bits &= ~std::uint64_t{0} << (first % 64);
      if (word == last / 64) bits &= ~std::uint64_t{0} >> (63 - last % 64);
      count += static_cast<std::uint64_t>(std::popcount(bits));
    }
  }
  return count;
}

std::uint64_t poll_log::silent(std::uint32_t run, std::uint64_t first, std::uint64_t last) const {
  return last - first + 1 - seen(run, first, last);
}

std::uint64_t poll_log::first_of(std::uint32_t run) const {
  const auto& [number, words] = *runs_[run].begin();
  for (std::uint64_t w = 0; w < piece_words; ++w)
    if (words[w] != 0)
      return number * piece_polls + w * 64 + static_cast<std::uint64_t>(std::countr_zero(words[w]));
  return number * piece_polls;
}

std::uint64_t poll_log::last_of(std::uint32_t run) const {
  const auto& [number, words] = *runs_[run].rbegin();
  for (std::uint64_t w = piece_words; w-- > 0;)
    if (words[w] != 0)
      return number * piece_polls + w * 64 + 63 -
             static_cast<std::uint64_t>(std::countl_zero(words[w]));
  return number * piece_polls;
}

std::uint64_t poll_log::seen() const {
  std::uint64_t count = 0;
  for (std::uint32_t run = 0; run < runs_.size(); ++run)
    if (!runs_[run].empty()) count += seen(run, first_of(run), last_of(run));
  return count;
}

std::uint64_t poll_log::silent() const {
  std::uint64_t count = 0;
  for (std::uint32_t run = 0; run < runs_.size(); ++run)
    if (!runs_[run].empty()) count += silent(run, first_of(run), last_of(run));
  return count;
}

}  // namespace tcpinfo::offline
