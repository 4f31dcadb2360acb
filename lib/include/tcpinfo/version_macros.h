/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The version a program was compiled against, for C and C++: tcpinfo/c.h and tcpinfo/version.h
 * include it.
 */
#ifndef TCPINFO_VERSION_MACROS_H
#define TCPINFO_VERSION_MACROS_H

/** First number of the version compiled against. */
#define TCPINFO_VERSION_MAJOR 0
/** Second number of it. */
#define TCPINFO_VERSION_MINOR 2
/** Third number of it. */
#define TCPINFO_VERSION_PATCH 0
/** The same as one number that grows with the version, for `#if`: 0.2.0 is 200, 1.12.3 is 11203. */
#define TCPINFO_VERSION_NUMBER \
  (TCPINFO_VERSION_MAJOR * 10000 + TCPINFO_VERSION_MINOR * 100 + TCPINFO_VERSION_PATCH)

#endif
