// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/fault_log.h"

#include <utility>

namespace tcpinfo::offline {

fault_log::fault_log(fault_callback on_fault, bool all)
    : on_fault_(std::move(on_fault)), limit_(all) {}

void fault_log::begin_file(std::string file) {
  file_ = std::move(file);
  cause_.clear();
  of_records_ = false;
}

void fault_log::begin_part(std::string file) {
  file_ = std::move(file);
  of_records_ = false;
}

void fault_log::end_part() {
  limit_.end([this](const std::string& text) { note(text); });
}

bool fault_log::tell(std::uint64_t line, std::string_view what) {
  ++count_;
  if (limit_.tells(what) && !on_fault_({file_, line, what, of_records_})) stopped_ = true;
  return !stopped_;
}

void fault_log::note(std::string_view what) {
  if (!stopped_ && !on_fault_({.file = file_, .what = what, .note = true})) stopped_ = true;
}

void fault_log::tell_cause(std::uint64_t line, std::string what) {
  if (what.empty() || what == cause_) return;
  cause_ = std::move(what);
  tell(line, cause_);
}

}  // namespace tcpinfo::offline
