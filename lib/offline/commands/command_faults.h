// SPDX-License-Identifier: Apache-2.0
//
// Tells the faults of a command that shows its progress, and remembers whether there were any.
#ifndef TCPINFO_OFFLINE_COMMANDS_COMMAND_FAULTS_H
#define TCPINFO_OFFLINE_COMMANDS_COMMAND_FAULTS_H

#include "offline/commands/commands.h"
#include "offline/commands/csv_progress.h"
#include "offline/inputs/fault.h"

namespace tcpinfo::offline {

/// Its callback() may be kept as long as it. One thread at a time.
class command_faults {
 public:
  explicit command_faults(const say& complain) : complain_(complain) {}
  command_faults(const command_faults&) = delete;
  command_faults& operator=(const command_faults&) = delete;

  /// Notes are told and are no fault. It never asks to stop.
  [[nodiscard]] const fault_callback& callback() const noexcept { return callback_; }
  [[nodiscard]] bool any() const noexcept { return any_; }

  /// While it is there faults stand beside that line of progress.
  class scope {
   public:
    scope(command_faults& of, csv_progress& progress) : of_(of) { of_.progress_ = &progress; }
    ~scope() { of_.progress_ = nullptr; }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    command_faults& of_;
  };
  [[nodiscard]] scope told_with(csv_progress& progress) { return {*this, progress}; }

 private:
  bool hear(const input_fault& f) {
    if (!f.note) any_ = true;
    if (progress_ == nullptr)
      complain_(to_string(f));
    else
      progress_->aside([&] { complain_(to_string(f)); });
    return true;
  }

  const say& complain_;
  csv_progress* progress_ = nullptr;
  bool any_ = false;
  fault_callback callback_ = [this](const input_fault& f) { return hear(f); };
};

}  // namespace tcpinfo::offline

#endif
