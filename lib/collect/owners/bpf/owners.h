// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* What the BPF programs and the collector say to each other of owners. C, for both. */
#ifndef TCPINFO_COLLECT_OWNERS_BPF_OWNERS_H
#define TCPINFO_COLLECT_OWNERS_BPF_OWNERS_H

/* How an owner was found. */
#define TCPINFO_OWNER_CONNECT 1
#define TCPINFO_OWNER_ACCEPT 2
#define TCPINFO_OWNER_IO 3
#define TCPINFO_OWNER_LISTENER 4
#define TCPINFO_OWNER_ITER 5

/* Connections and listeners whose owners are remembered; those used least lately make room. */
#define TCPINFO_OWNED_CONNECTIONS 65536
#define TCPINFO_OWNED_LISTENERS 4096

/* Processes that were told in the ring buffer, and its size. */
#define TCPINFO_TOLD_PROCESSES 16384
#define TCPINFO_TOLD_BYTES (256 * 1024)

/* A process, as the first process and time namespaces number it. */
struct tcpinfo_owner {
  unsigned long long start_ns; /* of the process, CLOCK_BOOTTIME */
  unsigned long long cgroup;   /* id of its control group (v2) */
  unsigned int pid;
  unsigned char how;
  unsigned char reserved[3];
  char comm[16];
};

#endif
