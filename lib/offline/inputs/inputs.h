// SPDX-License-Identifier: Apache-2.0
//
// What the tools read: archives, captures and bare netlink messages, from files, directories and
// standard input, in whatever condition. A walk gives the names, a reader the records.
#ifndef TCPINFO_OFFLINE_INPUTS_INPUTS_H
#define TCPINFO_OFFLINE_INPUTS_INPUTS_H

#include "offline/inputs/fault.h"
#include "offline/inputs/parts.h"
#include "offline/inputs/reader.h"
#include "offline/inputs/record.h"
#include "offline/inputs/segment_summaries.h"
#include "offline/inputs/walk.h"

#endif
