// SPDX-License-Identifier: Apache-2.0
//
// The operator of a test.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_CONTROL_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_CONTROL_H

#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "collect/control/control.h"

/// Asks for one thing at a time.
class scripted_control final : public tcpinfo::collect::control {
 public:
  scripted_control() {
    if (::pipe(ends_) != 0) throw std::runtime_error("pipe");
  }
  ~scripted_control() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void ask(tcpinfo::collect::request what) {
    is_obeyed_ = false;
    asked_.push_back(what);
    if (::write(ends_[1], "", 1) != 1) throw std::runtime_error("write");
  }
  int descriptor() const noexcept override { return ends_[0]; }
  tcpinfo::collect::request take() noexcept override {
    if (asked_.empty()) {
      is_obeyed_ = true;
      return tcpinfo::collect::request::none;
    }
    char byte = 0;
    (void)!::read(ends_[0], &byte, 1);
    const auto what = asked_.front();
    asked_.erase(asked_.begin());
    return what;
  }
  // Whether what was asked last has been done: whoever takes asks again when it has.
  bool is_obeyed() const noexcept { return is_obeyed_; }

 private:
  int ends_[2];
  bool is_obeyed_ = false;
  std::vector<tcpinfo::collect::request> asked_;
};

#endif
