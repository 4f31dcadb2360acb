// SPDX-License-Identifier: Apache-2.0
//
// A congestion control that no rule was made with: a loss costs a fifth of the window, and each
// round trip without one adds two segments. The licence below is what kernels take helpers' callers
// for; it is this program's alone.

#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char control_license[] SEC("license") = "GPL";

// Of the kernel's structs what is used here; libbpf finds where it lies there.
struct sock {
  int unused;
} __attribute__((preserve_access_index));

struct tcp_sock {
  __u32 snd_cwnd;
  __u32 snd_ssthresh;
} __attribute__((preserve_access_index));

struct tcp_congestion_ops {
  __u32 (*ssthresh)(struct sock* sk);
  void (*cong_avoid)(struct sock* sk, __u32 ack, __u32 acked);
  __u32 (*undo_cwnd)(struct sock* sk);
  char name[16];
} __attribute__((preserve_access_index));

extern __u32 tcp_slow_start(struct tcp_sock* tp, __u32 acked) __ksym;
extern void tcp_cong_avoid_ai(struct tcp_sock* tp, __u32 w, __u32 acked) __ksym;
extern __u32 tcp_reno_undo_cwnd(struct sock* sk) __ksym;

SEC("struct_ops/lab_ssthresh")
__u32 BPF_PROG(lab_ssthresh, struct sock* sk) {
  struct tcp_sock* tp = (struct tcp_sock*)sk;
  __u32 less = tp->snd_cwnd * 4 / 5;
  return less < 2 ? 2 : less;
}

SEC("struct_ops/lab_cong_avoid")
void BPF_PROG(lab_cong_avoid, struct sock* sk, __u32 ack, __u32 acked) {
  struct tcp_sock* tp = (struct tcp_sock*)sk;
  if (tp->snd_cwnd < tp->snd_ssthresh) acked = tcp_slow_start(tp, acked);
  if (acked > 0) tcp_cong_avoid_ai(tp, tp->snd_cwnd / 2, acked);
}

SEC("struct_ops/lab_undo_cwnd")
__u32 BPF_PROG(lab_undo_cwnd, struct sock* sk) { return tcp_reno_undo_cwnd(sk); }

SEC(".struct_ops")
struct tcp_congestion_ops tcpinfo_lab = {
    .ssthresh = (void*)lab_ssthresh,
    .cong_avoid = (void*)lab_cong_avoid,
    .undo_cwnd = (void*)lab_undo_cwnd,
    .name = "tcpinfo_lab",
};
