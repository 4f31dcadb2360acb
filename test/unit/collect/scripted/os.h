// SPDX-License-Identifier: Apache-2.0
//
// An operating system for the collector's tests, and the sources that sample there.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_OS_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_OS_H

#include <memory>
#include <string>

#include "collect/sampling/make_source.h"
#include "unit/collect/scripted/kernel.h"
#include "unit/collect/scripted/network.h"
#include "unit/collect/scripted/source.h"

class scripted_os final : public scripted_network, public tcpinfo::collect::source_maker {
 public:
  explicit scripted_os(scripted_kernel& kernel) : kernel_(kernel) {}

  /// Whether it is said that events are followed, and why not in other namespaces.
  bool follows = false;
  std::string why_others_dump;
  std::unique_ptr<tcpinfo::collect::source> make(const tcpinfo::collect::source_options&,
                                                 std::string& why) override {
    why = here() != nullptr ? why_others_dump : std::string();
    return std::make_unique<scripted_source>(here() != nullptr ? *here() : kernel_,
                                             follows && why.empty());
  }

 private:
  scripted_kernel& kernel_;
};

#endif
