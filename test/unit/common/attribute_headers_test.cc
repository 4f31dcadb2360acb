// SPDX-License-Identifier: Apache-2.0
#include "common/attribute_headers.h"

#include <tcpinfo/message.h>

#include <cstring>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo;

namespace {

// 72 bytes and an attribute of one word for each type.
std::vector<std::byte> message_with(const std::vector<std::uint16_t>& types) {
  std::vector<std::byte> bytes(wire::inet_diag_msg_size);
  for (const std::uint16_t type : types) {
    const std::uint16_t header[2] = {8, type};
    const std::size_t at = bytes.size();
    bytes.resize(at + 8);
    std::memcpy(bytes.data() + at, header, sizeof header);
  }
  return bytes;
}

bool take(attribute_headers& headers, bytes_view bytes) {
  bool all = true;
  headers.clear();
  for (std::size_t at = wire::inet_diag_msg_size; at < bytes.size(); at += 8)
    all = headers.add(bytes, at) && all;
  if (all) headers.finish(bytes);
  return all;
}

}  // namespace

TEST_CASE("attribute headers: a message is known again by types, lengths and places") {
  attribute_headers headers;
  auto bytes = message_with({2, 4, 7});
  CHECK_FALSE(headers.are_finished());
  CHECK_FALSE(headers.are_of(bytes));
  REQUIRE(take(headers, bytes));
  CHECK(headers.are_finished());
  CHECK(headers.are_of(bytes));
  // Payloads and the head are of no interest.
  bytes[0] = bytes[76] = bytes.back() = std::byte{9};
  CHECK(headers.are_of(bytes));
  CHECK_FALSE(headers.are_of(message_with({2, 4})));
  CHECK_FALSE(headers.are_of(message_with({2, 4, 8})));
  CHECK_FALSE(headers.are_of(message_with({3, 4, 7})));
  CHECK_FALSE(headers.are_of(message_with({2, 4, 7, 1})));
  bytes[80] = std::byte{7};  // the length of the second one
  CHECK_FALSE(headers.are_of(bytes));
  CHECK_FALSE(headers.are_of({}));
  headers.clear();
  CHECK_FALSE(headers.are_of(message_with({})));
}

TEST_CASE("attribute headers: a message without attributes has headers as well") {
  attribute_headers headers;
  REQUIRE(take(headers, message_with({})));
  CHECK(headers.are_of(message_with({})));
  CHECK_FALSE(headers.are_of(message_with({2})));
}

TEST_CASE("attribute headers: of a message that has too many nothing is known") {
  attribute_headers headers;
  CHECK(take(headers, message_with(std::vector<std::uint16_t>(32, 3))));
  const auto bytes = message_with(std::vector<std::uint16_t>(33, 3));
  CHECK_FALSE(take(headers, bytes));
  CHECK_FALSE(headers.are_finished());
  CHECK_FALSE(headers.are_of(bytes));
}
