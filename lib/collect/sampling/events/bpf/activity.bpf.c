// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// Tells which TCP sockets are active. The programs are attached to tracepoints. A socket's first
// event in a tick puts its activity into the ring buffer of its network namespace; every other
// event costs one look into the socket's local storage. The programs change nothing and see no
// data.
//
// The kernel demands a license compatible with the GPL of programs that call its helpers.
#include <linux/bpf.h>
#include <linux/types.h>
//
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "activity.h"
#include "collect/os/bpf/tcp_sockets.h"

char license_text[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff {
  struct sock* sk;
};

#pragma clang attribute pop

// Set by the collector, by slot. A tick has a number that no other tick has, of whatever namespace.
volatile __u32 ticks[TCPINFO_FOLLOWED_NAMESPACES] = {};
volatile __u8 muted[TCPINFO_FOLLOWED_NAMESPACES] = {};    // 1: tell of changes of state only
volatile __u8 waiting[TCPINFO_FOLLOWED_NAMESPACES] = {};  // 1: the next activity wakes the reader
// Activity that found no room, by slot.
__u64 dropped[TCPINFO_FOLLOWED_NAMESPACES] = {};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TCPINFO_FOLLOWED_NAMESPACES);
  __type(key, __u32);    // inode number of the network namespace
  __type(value, __u32);  // its slot
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, TCPINFO_FOLLOWED_NAMESPACES);
  __type(key, __u32);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 4096);
      });
} rings SEC(".maps");

// The tick in which the programs last told of a socket.
struct last_activity {
  __u32 tick;
  __u32 slot;  // whose tick it is
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct last_activity);
} last_activities SEC(".maps");

// How to hand over activity for which room is reserved. A reader that looks at its ticks needs no
// waking. One that waits sets its flag first and then looks whether there is anything; the program
// first reserves room, which the reader sees, and then reads the flag. So one of the two sees what
// the other did.
static __always_inline __u64 wakeup(__u32 slot) {
  __u64 fence = 0;
  (void)__sync_lock_test_and_set(&fence, 1);
  if (slot >= TCPINFO_FOLLOWED_NAMESPACES || !waiting[slot]) return BPF_RB_NO_WAKEUP;
  waiting[slot] = 0;
  return BPF_RB_FORCE_WAKEUP;
}

// Found by way of a packet: the kernel does not let such a socket be given a cookie.
#define BY_PACKET 0x80

static __always_inline int submit(struct sock* sk, __u32 now, __u32 slot, __u8 state, __u8 flags) {
  void* ring = bpf_map_lookup_elem(&rings, &slot);
  if (!ring) return 0;
  struct tcpinfo_activity* told = bpf_ringbuf_reserve(ring, sizeof *told, 0);
  if (!told) {
    if (slot < TCPINFO_FOLLOWED_NAMESPACES) __sync_fetch_and_add(&dropped[slot], 1);
    return 0;
  }
  // 0 where it has none yet: its first query gives it one.
  told->cookie =
      flags & BY_PACKET ? (__u64)sk->__sk_common.skc_cookie.counter : bpf_get_socket_cookie(sk);
  told->time_ns = bpf_ktime_get_ns();
  told->tick = now;
  told->interface = (__u32)sk->__sk_common.skc_bound_dev_if;
  told->family = (__u8)sk->__sk_common.skc_family;
  told->state = state;
  told->flags = flags & TCPINFO_ACTIVITY_STATE;
  told->reserved = 0;
  told->sport = sk->__sk_common.skc_num;
  told->dport = sk->__sk_common.skc_dport;
  if (told->family == family_ipv4) {
    __builtin_memset(told->src, 0, sizeof told->src);
    __builtin_memset(told->dst, 0, sizeof told->dst);
    __builtin_memcpy(told->src, (const void*)&(__be32){sk->__sk_common.skc_rcv_saddr}, 4);
    __builtin_memcpy(told->dst, (const void*)&(__be32){sk->__sk_common.skc_daddr}, 4);
  } else {
    bpf_probe_read_kernel(told->src, sizeof told->src,
                          (const void*)&sk->__sk_common.skc_v6_rcv_saddr);
    bpf_probe_read_kernel(told->dst, sizeof told->dst, (const void*)&sk->__sk_common.skc_v6_daddr);
  }
  bpf_ringbuf_submit(told, wakeup(slot));
  return 0;
}

// Tells of every change of state, with its time; of other events in a tick only of the first.
static __always_inline int note(struct sock* sk, __u8 state, __u8 flags) {
  if (!is_tcp(sk)) return 0;
  if (state == state_time_wait || state == state_close || state == state_listen ||
      state == state_new_syn_recv)
    return 0;
  struct last_activity* last = bpf_sk_storage_get(&last_activities, sk, 0, 0);
  if (last && !(flags & TCPINFO_ACTIVITY_STATE) && last->slot < TCPINFO_FOLLOWED_NAMESPACES &&
      last->tick == ticks[last->slot])
    return 0;
  const __u32 inum = sk->__sk_common.skc_net.net->ns.inum;
  const __u32* slot = bpf_map_lookup_elem(&slots, &inum);
  if (!slot || *slot >= TCPINFO_FOLLOWED_NAMESPACES) return 0;
  if (muted[*slot] && !(flags & TCPINFO_ACTIVITY_STATE)) return 0;
  const __u32 now = ticks[*slot];
  if (!last) last = bpf_sk_storage_get(&last_activities, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  // Without memory for it every event of the socket is told. No query can name one that has no port
  // yet: its first segment, in the same tick most often, must tell of it again.
  if (last && sk->__sk_common.skc_num) {
    last->slot = *slot;
    last->tick = now;
  }
  return submit(sk, now, *slot, state, flags);
}

// Tells of the end of a socket's TCP, whoever still holds the socket. It has lost its local port
// already, so that no query can name it.
static __always_inline int note_end(struct sock* sk, int before) {
  if (before == state_listen || before == state_close) return 0;
  if (sk->sk_protocol != protocol_tcp) return 0;
  const __u32 inum = sk->__sk_common.skc_net.net->ns.inum;
  const __u32* slot = bpf_map_lookup_elem(&slots, &inum);
  if (!slot || *slot >= TCPINFO_FOLLOWED_NAMESPACES) return 0;
  return submit(sk, ticks[*slot], *slot, state_close, TCPINFO_ACTIVITY_STATE);
}

static __always_inline int note_event(struct sock* sk) {
  return note(sk, sk->__sk_common.skc_state, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int before, int after) {
  if (after == state_close) return note_end(sk, before);
  return note(sk, (__u8)after, TCPINFO_ACTIVITY_STATE);
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_segment, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmission, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/tcp_cong_state_set")
int BPF_PROG(on_congestion, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_send_locked, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_read, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read_space, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_data, struct sock* sk) { return note_event(sk); }

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset, struct sock* sk) { return note_event(sk); }

// Sees every packet that is sent, by a program or by a timer: acknowledgements, probes and first
// SYNs have no tracepoint of TCP's own.
SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_transmission, struct sk_buff* skb) {
  struct sock* sk = skb->sk;
  if (!sk) return 0;
  const __u16 family = sk->__sk_common.skc_family;
  if (family != family_ipv4 && family != family_ipv6) return 0;
  const __u8 state = sk->__sk_common.skc_state;
  // Half a socket: it has not the members of a whole one.
  if (state == state_time_wait || state == state_new_syn_recv) return 0;
  return note(sk, state, BY_PACKET);
}
