// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// A filter of the socket that asks for single connections: puts the kernel's answers into memory that
// it shares with the collector, which is cheaper than queueing and receiving each. See answer_area in
// tcpinfo/internal/answer_area.h. The kernel delivers the answers of a socket on the processor that asks, one
// after the other.
//
// The kernel demands a license compatible with the GPL of programs that call its helpers.
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/types.h>
//
#include <bpf/bpf_helpers.h>

#include "answers.h"

char license_text[] SEC("license") = "GPL";

// More than any answer: nothing is cut off.
#define PASS_WHOLE 0x7fffffff

// Set before it is loaded: where an answer may begin.
const volatile __u32 room = TCPINFO_ANSWERS_ROOM;
volatile __u32 used = TCPINFO_ANSWERS_BYTES;
__u8 answers[TCPINFO_ANSWERS_BYTES] = {};

SEC("socket")
int keep_answer(struct __sk_buff* skb) {
  const __u32 at = used;
  __u32 length = skb->len;
  if (at >= room || at > TCPINFO_ANSWERS_ROOM || length > TCPINFO_ANSWER_MOST) return PASS_WHOLE;
  // The verifier of Linux 6.1 learns nothing from "is not 0" and refuses a length that may be 0. So
  // the lower bound is a message's header, and the compiler must not join the two comparisons.
  barrier_var(length);
  if (length < NLMSG_HDRLEN) return PASS_WHOLE;
  if (bpf_skb_load_bytes(skb, 0, answers + at, length)) return PASS_WHOLE;
  used = at + ((length + 3) & ~3U);
  return 0;
}
