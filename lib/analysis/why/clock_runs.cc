// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/clock_runs.h"

#include <algorithm>
#include <utility>

namespace tcpinfo::analysis::why {
namespace {

// With more, the times of the records are no order at all.
constexpr std::size_t most_runs = 64;

}  // namespace

// Whether another stretch begins there: what comes later than that does not follow on this one.
bool clock_runs::is_between(std::int64_t from_ms, std::int64_t to_ms) const noexcept {
  return others_ != nullptr &&
         std::any_of(others_->begin(), others_->end(), [from_ms, to_ms](const cause_clock& c) {
           return c.first_ms() > from_ms && c.first_ms() <= to_ms;
         });
}

void clock_runs::begin_another() {
  if (others_ == nullptr) others_ = std::make_unique<stretches>();
  others_->push_back(std::exchange(latest_, {}));
  if (others_->size() <= most_runs) return;
  cause_clock all = whole();
  others_->clear();
  others_->push_back(std::move(all));
}

void clock_runs::add(const cause_point& p, bool end) {
  if (!latest_.empty() && !end &&
      (p.time_ms < latest_.last_ms() || is_between(latest_.last_ms(), p.time_ms)))
    begin_another();
  latest_.add(p, end);
}

void clock_runs::append(clock_runs&& other) {
  if (other.empty()) return;
  if (empty()) {
    *this = std::move(other);
    return;
  }
  // An end alone may be told as before the last poll.
  if (others_ == nullptr && other.others_ == nullptr &&
      (other.latest_.first_ms() >= latest_.last_ms() || other.latest_.life_ns() == 0)) {
    latest_.append(other.latest_);
    return;
  }
  begin_another();
  if (other.others_ != nullptr)
    for (cause_clock& c : *other.others_) others_->push_back(std::move(c));
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
  std::stable_sort(all.begin(), all.end(), [](const cause_clock* a, const cause_clock* b) {
    return a->first_ms() < b->first_ms();
  });
  for (const cause_clock* c : all) made.append(*c);
  return made;
}

}  // namespace tcpinfo::analysis::why
