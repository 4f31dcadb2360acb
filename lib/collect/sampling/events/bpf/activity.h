// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* What the BPF programs and the collector say to each other. C, for both. */
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_BPF_ACTIVITY_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_BPF_ACTIVITY_H

/* The socket's state changed, to the one in `state`. */
#define TCPINFO_ACTIVITY_STATE 1

/* The most network namespaces whose events the collector follows at a time. */
#define TCPINFO_FOLLOWED_NAMESPACES 1024

/* Something has happened to a socket, for the first time in a tick. */
struct tcpinfo_activity {
  unsigned long long cookie;
  unsigned long long time_ns; /* CLOCK_MONOTONIC of the first time namespace */
  unsigned int tick;
  unsigned int interface;
  unsigned char family;
  unsigned char state;
  unsigned char flags;
  unsigned char reserved;
  unsigned short sport; /* host order */
  unsigned short dport; /* network order */
  unsigned char src[16];
  unsigned char dst[16];
};

#endif
