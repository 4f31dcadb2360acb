// SPDX-License-Identifier: Apache-2.0
//
// All of libtcpinfo.
#ifndef TCPINFO_TCPINFO_H
#define TCPINFO_TCPINFO_H

#include <tcpinfo/archive.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/cache.h>
#include <tcpinfo/error.h>
#include <tcpinfo/eventsocket.h>
#include <tcpinfo/export.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>
#include <tcpinfo/version.h>
#include <tcpinfo/zstd.h>

#endif
