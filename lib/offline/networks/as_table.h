// SPDX-License-Identifier: Apache-2.0
//
// Which autonomous system an address belongs to, by a routing table.
#ifndef TCPINFO_OFFLINE_NETWORKS_AS_TABLE_H
#define TCPINFO_OFFLINE_NETWORKS_AS_TABLE_H

#include <tcpinfo/inetdiag.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tcpinfo::offline {

/// Filled first, asked afterwards. Memory: some 32 bytes a prefix while it is filled, 24 a stretch
/// of addresses afterwards. Filling: one thread at a time; asking: any number.
class as_table {
 public:
  /// No autonomous system: 0 is nobody's number.
  static constexpr std::uint32_t none = 0;

  /// Adds a prefix. Of the prefixes that an address is in the longest counts, and of the same one
  /// added twice the later. `number`: `none` makes a hole in a larger one.
  void add(const ip_prefix& prefix, std::uint32_t number);
  /// Adds all addresses from `first` to `last`, as the fewest prefixes that are these.
  /// @return false, and nothing is added, where they are of two families, or in the wrong order.
  [[nodiscard]] bool add_range(const ip_address& first, const ip_address& last,
                               std::uint32_t number);
  /// What a number is called. The first name stays.
  void set_name(std::uint32_t number, std::string_view name) { names_.try_emplace(number, name); }
  /// After the last add(), before the first find().
  void finish();

  /// The number, or `none`. An IPv4-mapped address is taken as the IPv4 one.
  [[nodiscard]] std::uint32_t find(const ip_address& a) const noexcept;
  /// Empty where it has none.
  [[nodiscard]] std::string_view name_of(std::uint32_t number) const;
  [[nodiscard]] bool is_empty() const noexcept { return v4_.pieces.empty() && v6_.pieces.empty(); }

 private:
  /// An address as a number; of IPv4, its 32 bits in `low`.
  struct place {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const place&, const place&) noexcept = default;
  };
  struct network {
    place first;
    std::uint32_t number = none;
    std::uint8_t length = 0;
  };
  /// From `first` to the next piece.
  struct piece {
    place first;
    std::uint32_t number = none;
  };
  struct family {
    std::vector<network> networks;
    std::vector<piece> pieces;
    void flatten(unsigned bits);
    void begin_piece(const place& first, std::uint32_t number);
  };

  [[nodiscard]] static place place_of(const ip_address& a) noexcept;
  /// The last address of a network of so many host bits that begins at `first`.
  [[nodiscard]] static place last_of(const place& first, unsigned host_bits) noexcept;
  [[nodiscard]] static place next_of(const place& p) noexcept;

  family v4_;
  family v6_;
  std::unordered_map<std::uint32_t, std::string> names_;
};

}  // namespace tcpinfo::offline

#endif
