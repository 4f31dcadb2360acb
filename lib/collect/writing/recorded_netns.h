// SPDX-License-Identifier: Apache-2.0
//
// A network namespace whose connections are recorded, as writers need it.
#ifndef TCPINFO_COLLECT_WRITING_RECORDED_NETNS_H
#define TCPINFO_COLLECT_WRITING_RECORDED_NETNS_H

#include <string>
#include <utility>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/writing/anonymizer.h"

namespace tcpinfo::collect {

struct recorded_netns {
  recorded_netns(std::string its_name, os& system, anonymize_by by)
      : name(std::move(its_name)), addresses(system, by) {}

  const std::string name;  ///< for metadata records; empty: the collector's own
  anonymizer addresses;    ///< knows which addresses are the machine's own there
};

}  // namespace tcpinfo::collect

#endif
