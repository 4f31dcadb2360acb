// SPDX-License-Identifier: Apache-2.0
//
// A path in 16 bytes, so that millions of archives can be told apart in little memory.
#ifndef TCPINFO_OFFLINE_PACKING_PATH_KEY_H
#define TCPINFO_OFFLINE_PACKING_PATH_KEY_H

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpinfo::offline {

struct path_key {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const path_key&, const path_key&) noexcept = default;
};
struct path_key_hash {
  std::size_t operator()(const path_key& k) const noexcept {
    return static_cast<std::size_t>(k.low);
  }
};

/// Makes keys of paths by SipHash-2-4 with 128 bits, under a secret of its own: nobody can choose
/// names that are taken for one another.
class path_keys {
 public:
  path_keys();
  [[nodiscard]] path_key operator()(std::string_view path) const noexcept;
  /// The same under a secret that is given, for tests.
  path_keys(std::uint64_t k0, std::uint64_t k1) noexcept : k0_(k0), k1_(k1) {}

 private:
  std::uint64_t k0_ = 0;
  std::uint64_t k1_ = 0;
};

}  // namespace tcpinfo::offline

#endif
