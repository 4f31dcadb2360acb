// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// Remembers which process a TCP socket belongs to: who called connect() or accept(), else who first
// read or wrote, else who listens. An iterator over all open files does it for sockets that were
// there before. The programs change nothing, and see neither data nor command lines.
//
// The kernel demands a license compatible with the GPL of programs that call its helpers.
#include <linux/bpf.h>
#include <linux/types.h>
//
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "collect/os/bpf/tcp_sockets.h"
#include "owners.h"

char license_text[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct socket {
  struct sock* sk;
};
struct file;
struct kernfs_node {
  __u64 id;
};
struct cgroup {
  struct kernfs_node* kn;
};
struct css_set {
  struct cgroup* dfl_cgrp;
};
struct task_struct {
  unsigned int flags;
  int tgid;
  __u64 start_boottime;
  struct task_struct* group_leader;
  struct css_set* cgroups;
  char comm[16];
};
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};

#pragma clang attribute pop

enum {
  // of task_struct::flags: threads of the kernel, which belong to nobody's process
  kernel_thread = 0x00200000,
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TCPINFO_OWNED_CONNECTIONS);
  __type(key, __u64);  // cookie
  __type(value, struct tcpinfo_owner);
} owners SEC(".maps");

struct listening_place {
  __u32 netns;  // its inode number
  __u32 port;
  __u8 address[16];  // of IPv4 the mapped form; zeros: any
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TCPINFO_OWNED_LISTENERS);
  __type(key, struct listening_place);
  __type(value, struct tcpinfo_owner);
} listeners SEC(".maps");

// Of sockets whose owner is settled, so that all later reading and writing costs one look.
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, __u32);
} settled SEC(".maps");

// Processes that were told, so that user space looks at each in /proc while it lives.
struct told_process {
  __u64 start_ns;
  __u32 pid;
  __u32 reserved;
  char comm[16];  // another program after exec(), most often
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TCPINFO_TOLD_PROCESSES);
  __type(key, struct told_process);
  __type(value, __u8);
} told SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, TCPINFO_TOLD_BYTES);
} processes SEC(".maps");

// Of the process, whichever of its threads it is. False of a thread of the kernel.
static __always_inline int describe(struct task_struct* task, __u8 how, struct tcpinfo_owner* to) {
  if (BPF_CORE_READ(task, flags) & kernel_thread) return 0;
  struct task_struct* process = BPF_CORE_READ(task, group_leader);
  __builtin_memset(to, 0, sizeof *to);
  to->start_ns = BPF_CORE_READ(process, start_boottime);
  to->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  to->pid = (__u32)BPF_CORE_READ(task, tgid);
  to->how = how;
  bpf_probe_read_kernel(to->comm, sizeof to->comm, process->comm);
  return 1;
}

static __always_inline int describe_current(__u8 how, struct tcpinfo_owner* to) {
  return describe((struct task_struct*)bpf_get_current_task(), how, to);
}

// Where there is no room user space looks when it asks for the connection.
static __always_inline void tell_process(struct tcpinfo_owner* owner) {
  struct told_process key = {owner->start_ns, owner->pid, 0, {}};
  __builtin_memcpy(key.comm, owner->comm, sizeof key.comm);
  if (bpf_map_lookup_elem(&told, &key)) return;
  const __u8 one = 1;
  bpf_map_update_elem(&told, &key, &one, BPF_ANY);
  bpf_ringbuf_output(&processes, owner, sizeof *owner, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void place_of(struct sock* sk, struct listening_place* to) {
  __builtin_memset(to, 0, sizeof *to);
  to->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  to->port = BPF_CORE_READ(sk, __sk_common.skc_num);
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == family_ipv6) {
    bpf_probe_read_kernel(to->address, sizeof to->address,
                          (const void*)&sk->__sk_common.skc_v6_rcv_saddr);
    return;
  }
  const __be32 address = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
  if (address == 0) return;
  to->address[10] = to->address[11] = 0xff;
  __builtin_memcpy(to->address + 12, (const void*)&address, 4);
}

static __always_inline void settle(struct sock* sk) {
  __u32* is_settled = bpf_sk_storage_get(&settled, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (is_settled) *is_settled = 1;
}

static __always_inline int note(struct sock* sk, __u8 how) {
  struct tcpinfo_owner owner;
  if (!describe_current(how, &owner)) return 0;
  tell_process(&owner);
  const __u64 cookie = bpf_get_socket_cookie(sk);
  bpf_map_update_elem(&owners, &cookie, &owner, BPF_ANY);
  settle(sk);
  return 0;
}

// Of a connection that somebody listened for, in whatever context: until it is accepted, or read or
// written, it is the listener's.
static __always_inline int note_incoming(struct sock* sk) {
  struct listening_place place;
  place_of(sk, &place);
  struct tcpinfo_owner* listener = bpf_map_lookup_elem(&listeners, &place);
  if (!listener) {
    __builtin_memset(place.address, 0, sizeof place.address);
    listener = bpf_map_lookup_elem(&listeners, &place);
  }
  // Also without: accept() finds a cookie then.
  const __u64 cookie = bpf_get_socket_cookie(sk);
  if (!listener) return 0;
  struct tcpinfo_owner owner = *listener;
  owner.how = TCPINFO_OWNER_LISTENER;
  bpf_map_update_elem(&owners, &cookie, &owner, BPF_NOEXIST);
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int before, int after) {
  if (!is_tcp(sk)) return 0;
  // connect() and listen() set these states themselves.
  if (after == state_syn_sent) return note(sk, TCPINFO_OWNER_CONNECT);
  if (after == state_established && before != state_syn_sent) return note_incoming(sk);
  if (after != state_listen) return 0;
  struct tcpinfo_owner owner;
  if (!describe_current(TCPINFO_OWNER_LISTENER, &owner)) return 0;
  struct listening_place place;
  place_of(sk, &place);
  bpf_map_update_elem(&listeners, &place, &owner, BPF_ANY);
  return 0;
}

static __always_inline int note_use(struct sock* sk) {
  const __u32* is_settled = bpf_sk_storage_get(&settled, sk, 0, 0);
  if (is_settled && *is_settled) return 0;
  if (!is_tcp(sk)) return 0;
  const __u64 cookie = bpf_get_socket_cookie(sk);
  const struct tcpinfo_owner* before = bpf_map_lookup_elem(&owners, &cookie);
  if (before && before->how == TCPINFO_OWNER_ACCEPT) {
    settle(sk);
    return 0;
  }
  return note(sk, TCPINFO_OWNER_IO);
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_send_locked, struct sock* sk) { return note_use(sk); }

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock* sk) { return note_use(sk); }

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock* sk) { return note_use(sk); }

// What accept() returns. The kernel does not say its type here; the socket has had its cookie since
// it was established.
SEC("fexit/inet_csk_accept")
int on_accept(void* ctx) {
  __u64 returned = 0;
  if (bpf_get_func_ret(ctx, &returned) || !returned) return 0;
  const struct sock* sk = (const struct sock*)returned;
  const __u64 cookie = (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
  if (!cookie || BPF_CORE_READ(sk, sk_protocol) != protocol_tcp) return 0;
  struct tcpinfo_owner owner;
  if (!describe_current(TCPINFO_OWNER_ACCEPT, &owner)) return 0;
  const struct tcpinfo_owner* before = bpf_map_lookup_elem(&owners, &cookie);
  if (before && before->how != TCPINFO_OWNER_LISTENER) return 0;
  bpf_map_update_elem(&owners, &cookie, &owner, BPF_ANY);
  return 0;
}

// Of a socket that several processes hold, the one that comes first is the owner, until one of them
// reads or writes.
SEC("iter/task_file")
int on_file(struct bpf_iter__task_file* ctx) {
  struct task_struct* task = ctx->task;
  struct file* file = ctx->file;
  if (!task || !file) return 0;
  struct socket* socket = bpf_sock_from_file(file);
  if (!socket || !socket->sk) return 0;
  struct sock* sk = socket->sk;
  if (!is_tcp(sk)) return 0;
  struct tcpinfo_owner owner;
  if (!describe(task, TCPINFO_OWNER_ITER, &owner)) return 0;
  if (sk->__sk_common.skc_state == state_listen) {
    struct listening_place place;
    place_of(sk, &place);
    bpf_map_update_elem(&listeners, &place, &owner, BPF_NOEXIST);
    return 0;
  }
  const __u64 cookie = bpf_get_socket_cookie(sk);
  bpf_map_update_elem(&owners, &cookie, &owner, BPF_NOEXIST);
  return 0;
}
