// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// All of libtcpinfo.
#ifndef TCPINFO_TCPINFO_H
#define TCPINFO_TCPINFO_H

#include <tcpinfo/address.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/cache.h>
#include <tcpinfo/callback.h>
#include <tcpinfo/config.h>
#include <tcpinfo/error.h>
#include <tcpinfo/eventsocket.h>
#include <tcpinfo/export.h>
#include <tcpinfo/filter.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/items.h>
#include <tcpinfo/message.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/tcp.h>
#include <tcpinfo/tcp_state.h>
#include <tcpinfo/version.h>
#include <tcpinfo/zstd.h>

/// @namespace tcpinfo
/// All of the library. The inline namespace in it (v0) is the version of the ABI; programs do not
/// name it.

#endif
