// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/path_key.h"

#include <bit>
#include <random>

namespace tcpinfo::offline {
namespace {

std::uint64_t drawn() {
  std::random_device from;
  return std::uint64_t{from()} << 32U | from();
}

struct sip_state {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t out() noexcept {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

path_keys::path_keys() : k0_(drawn()), k1_(drawn()) {}

path_key path_keys::operator()(std::string_view path) const noexcept {
  sip_state s{k0_ ^ 0x736f6d6570736575U, k1_ ^ 0x646f72616e646f6dU ^ 0xeeU,
              k0_ ^ 0x6c7967656e657261U, k1_ ^ 0x7465646279746573U};
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(path[i])} << 8 * (i % 8);
    if (i % 8 != 7) continue;
    s.take(word);
    word = 0;
  }
  s.take(word | std::uint64_t{path.size()} << 56U);
  path_key key;
  s.v2 ^= 0xee;
  key.low = s.out();
  s.v1 ^= 0xdd;
  key.high = s.out();
  return key;
}

}  // namespace tcpinfo::offline
