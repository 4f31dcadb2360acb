// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/clock_runs.h"

#include <algorithm>
#include <utility>

namespace tcpinfo::analysis::why {
namespace {

// With more, parts that are next to each other so far become one.
constexpr std::size_t most_runs = 32;

}  // namespace

void clock_runs::begin_another() {
  if (others_ == nullptr) others_ = std::make_unique<stretches>();
  others_->push_back(std::exchange(latest_, {}));
  if (others_->size() <= most_runs) return;
  cause_clock all = whole();
  others_->clear();
  others_->push_back(std::move(all));
}

std::size_t clock_runs::bytes_of_others() const noexcept {
  std::size_t all = sizeof *others_ + others_->capacity() * sizeof(cause_clock);
  for (const cause_clock& c : *others_) all += c.bytes();
  return all;
}

void clock_runs::begin_part() {
  if (!latest_.empty()) begin_another();
}

void clock_runs::add(const cause_point& p) {
  if (!latest_.empty() && !p.is(cause_point::ended) && p.time_ms < latest_.last_ms())
    begin_another();
  latest_.add(p);
}

void clock_runs::append(clock_runs&& other) {
  if (other.empty()) return;
  begin_part();
  if (other.others_ != nullptr)
    for (cause_clock& c : *other.others_) {
      latest_ = std::move(c);
      begin_another();
    }
  latest_ = std::move(other.latest_);
}

void clock_runs::load(const cause_clock::stored& from) {
  others_.reset();
  latest_.load(from);
}

cause_clock clock_runs::whole() const {
  cause_clock made;
  if (others_ == nullptr) {
    made.append(latest_);
    return made;
  }
  std::vector<const cause_clock*> all;
  for (const cause_clock& c : *others_) all.push_back(&c);
  if (!latest_.empty()) all.push_back(&latest_);
  // An end may be told as before the last poll.
  std::stable_sort(all.begin(), all.end(), [](const cause_clock* a, const cause_clock* b) {
    if (a->is_end() != b->is_end()) return b->is_end();
    return a->first_ms() < b->first_ms();
  });
  for (const cause_clock* c : all) made.append(*c);
  return made;
}

}  // namespace tcpinfo::analysis::why
