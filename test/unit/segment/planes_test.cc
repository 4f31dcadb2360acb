// SPDX-License-Identifier: Apache-2.0
#include "segment/planes.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "segment/varint.h"

namespace format = tcpinfo::segment_format;
using tcpinfo::bytes_view;

namespace {

format::byte_stream varints_of(const std::vector<std::uint32_t>& numbers) {
  format::byte_stream made;
  for (const std::uint32_t n : numbers) made.varint(n);
  return made;
}

std::string plane_text(bytes_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What is joined of so many planes; "none" where it is refused.
std::string joined(const std::string& planes, std::uint64_t count) {
  std::string to(planes.size(), '\0');
  const bytes_view from(reinterpret_cast<const std::byte*>(planes.data()), planes.size());
  return format::join_planes(from, count, reinterpret_cast<std::byte*>(to.data())) ? to : "none";
}

std::string planes_of(const format::byte_stream& varints) {
  format::byte_stream made;
  format::put_planes(varints.all(), made);
  return plane_text(made.all());
}

}  // namespace

TEST_CASE("planes are the first bytes, then the second ones") {
  const format::byte_stream varints = varints_of({1, 300, 2, 70'000, 3});
  const std::string planes = planes_of(varints);
  CHECK(planes ==
        "\x01\xac\x02\xf0\x03"
        "\x02\xa2"
        "\x04");
  CHECK(joined(planes, 5) == plane_text(varints.all()));
  CHECK(joined("", 0).empty());
}

TEST_CASE("planes of random numbers are joined to the same bytes") {
  std::mt19937 dice(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::uint32_t> numbers(dice() % 200);
    for (std::uint32_t& n : numbers) n = static_cast<std::uint32_t>(dice()) >> dice() % 32;
    const format::byte_stream varints = varints_of(numbers);
    const std::string planes = planes_of(varints);
    REQUIRE(joined(planes, numbers.size()) == plane_text(varints.all()));
    // Any other number of them is none, unless bytes are missing or left.
    if (!numbers.empty()) REQUIRE(joined(planes, numbers.size() - 1) != plane_text(varints.all()));
  }
}

TEST_CASE("what are no planes is refused") {
  CHECK(joined("\x01\x02", 3) == "none");
  CHECK(joined("\x01\x02", 1) == "none");
  CHECK(joined("\x81\x02", 2) == "none");
  CHECK(joined("\x81", 1) == "none");
  CHECK(joined("\x81\x82\x83\x84\x05", 1) == "\x81\x82\x83\x84\x05");
  CHECK(joined("\x81\x82\x83\x84\x85", 1) == "none");
  CHECK(joined("\x81\x82\x83\x84\x85\x06", 1) == "none");
  CHECK(joined("", ~std::uint64_t{0}) == "none");
}

TEST_CASE("planes are for large numbers that do not come again") {
  std::mt19937 dice(3);
  std::vector<std::uint32_t> noise(100);
  for (std::uint32_t& n : noise) n = 128 + static_cast<std::uint32_t>(dice()) % 16'000;
  const auto wants = [](const std::vector<std::uint32_t>& numbers) {
    return format::wants_planes(varints_of(numbers).all(), numbers.size());
  };
  CHECK(wants(noise));
  CHECK_FALSE(wants(std::vector<std::uint32_t>(noise.begin(), noise.begin() + 31)));
  CHECK_FALSE(wants(std::vector<std::uint32_t>(100, 14'480)));
  CHECK_FALSE(wants(std::vector<std::uint32_t>(100, 3)));
}
