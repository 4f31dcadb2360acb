// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// Sockets of TCP, for BPF programs. Types are declared as far as they are read; the loader finds
// the fields' places in the running kernel's type information (CO-RE).
#ifndef TCPINFO_COLLECT_OS_BPF_TCP_SOCKETS_H
#define TCPINFO_COLLECT_OS_BPF_TCP_SOCKETS_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;
struct in6_addr {
  union {
    __u8 u6_addr8[16];
  } in6_u;
};
typedef struct {
  __s64 counter;
} atomic64_t;
struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  int skc_bound_dev_if;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  atomic64_t skc_cookie;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_type;
  __u16 sk_protocol;
};

#pragma clang attribute pop

enum {
  family_ipv4 = 2,
  family_ipv6 = 10,
  protocol_tcp = 6,
  type_stream = 1,
  state_established = 1,
  state_syn_sent = 2,
  state_time_wait = 6,
  state_close = 7,
  state_listen = 10,
  state_new_syn_recv = 12,
};

// TCP over IPv4 or IPv6. Protocols are numbered by each family for itself (6 is XFRM's of netlink),
// and a raw socket of IPPROTO_TCP has TCP's number: no query would find either.
static __always_inline int is_tcp(const struct sock* sk) {
  const __u16 family = sk->__sk_common.skc_family;
  return sk->sk_protocol == protocol_tcp && sk->sk_type == type_stream &&
         (family == family_ipv4 || family == family_ipv6);
}

#endif
