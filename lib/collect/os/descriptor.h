// SPDX-License-Identifier: Apache-2.0
//
// The owner of a descriptor, under the collector's name too: where a variable is called so, the
// class is named with it.
#ifndef TCPINFO_COLLECT_OS_DESCRIPTOR_H
#define TCPINFO_COLLECT_OS_DESCRIPTOR_H

#include "common/descriptor.h"

namespace tcpinfo::collect {

using tcpinfo::descriptor;

}  // namespace tcpinfo::collect

#endif
