// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* Room for answers: what the filter in the kernel and the collector agree on. C, for both. */
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_BPF_ANSWERS_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_BPF_ANSWERS_H

/* Of one answer, at most: 516 bytes on Linux 6.18. Larger ones come by way of the socket's queue.
 */
#define TCPINFO_ANSWER_MOST 4096

/* Of a batch of 64: no answer begins behind it. */
#define TCPINFO_ANSWERS_ROOM (64 * 1024)
#define TCPINFO_ANSWERS_BYTES (TCPINFO_ANSWERS_ROOM + TCPINFO_ANSWER_MOST)

#endif
