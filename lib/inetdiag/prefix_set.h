// SPDX-License-Identifier: Apache-2.0
//
// Many prefixes, and whether an address is in one of them.
#ifndef TCPINFO_INETDIAG_PREFIX_SET_H
#define TCPINFO_INETDIAG_PREFIX_SET_H

#include <span>
#include <vector>

#include <tcpinfo/inetdiag.h>

namespace tcpinfo::inline v0 {

class prefix_set {
 public:
  /// Adds a prefix whose length fits its family. Its bits beyond the length do not count.
  void add(const ip_prefix& prefix);
  [[nodiscard]] bool empty() const noexcept { return v4_.empty() && v6_.empty(); }

  /// Sorts, leaves out what another covers, and joins halves of a network. Before contains().
  void fold();
  /// As ip_prefix::contains() of any of them: an IPv4 prefix also has the IPv4-mapped form.
  [[nodiscard]] bool contains(const ip_address& address) const noexcept;
  /// Disjoint, in the order of their addresses.
  [[nodiscard]] std::span<const ip_prefix> v4() const noexcept { return v4_; }
  [[nodiscard]] std::span<const ip_prefix> v6() const noexcept { return v6_; }

 private:
  std::vector<ip_prefix> v4_;
  std::vector<ip_prefix> v6_;
};

}  // namespace tcpinfo::inline v0

#endif
