// SPDX-License-Identifier: Apache-2.0
//
// Row groups that go out. What they say is read by test/cli/cli_parquet.py.
#include "parquet/writer.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo::parquet;

namespace {

// Of a file with `times` times the values, one after the other, in one row group.
std::size_t size_of_repeated(value_type type, const std::vector<std::uint64_t>& values, int times) {
  const std::vector<column_spec> columns = {{"column", type}};
  std::size_t written = 0;
  file_writer writer(columns, {}, [&written](std::string_view bytes) {
    written += bytes.size();
    return true;
  });
  row_batch batch = file_writer::make_batch(columns);
  for (int i = 0; i < times; ++i)
    for (const std::uint64_t v : values) batch[0].push(v);
  REQUIRE(writer.append(batch));
  REQUIRE(writer.finish());
  return written;
}

}  // namespace

TEST_CASE("a row group that is written gives its memory back") {
  const std::vector<column_spec> columns = {
      {"number", value_type::u64}, {"small", value_type::u8}, {"text", value_type::text}};
  std::size_t written = 0;
  file_writer writer(columns, {}, [&written](std::string_view bytes) {
    written += bytes.size();
    return true;
  });
  row_batch batch = file_writer::make_batch(columns);
  for (std::uint64_t n = 0; n < 1000; ++n) {
    batch[0].push(n);
    batch[1].push(n % 3);
    if (n % 2 == 0)
      batch[2].push_text(std::to_string(n));
    else
      batch[2].push_null();
  }
  for (int group = 0; group < 2; ++group) {
    REQUIRE(writer.append(batch));
    CHECK(writer.memory() >= 1000 * sizeof(std::uint64_t));
    const std::size_t before = written;
    REQUIRE(writer.flush());
    CHECK(written > before);
    CHECK(writer.memory() == 0);
  }
  REQUIRE(writer.finish());
}

TEST_CASE("a row group of long texts is written before it is full") {
  const std::vector<column_spec> columns = {{"text", value_type::text}};
  writer_options options;
  options.group_memory = 100'000;
  std::size_t written = 0;
  file_writer writer(columns, options, [&written](std::string_view bytes) {
    written += bytes.size();
    return true;
  });
  row_batch batch = file_writer::make_batch(columns);
  for (std::uint64_t n = 0; n < 6; ++n) {
    batch[0].push_text(std::string(30'000, static_cast<char>('a' + n)));
    REQUIRE(writer.append(batch));
    batch[0].clear();
    CHECK((written == 0) == (n < 3));
    CHECK(writer.memory() <= options.group_memory);
  }
  REQUIRE(writer.finish());
}

TEST_CASE("what connections have in common is written once") {
  std::mt19937 random(5);
  std::vector<std::uint64_t> polls = {1'700'000'000'000'000'000};
  for (int i = 0; i < 6000; ++i) polls.push_back(polls.back() + 50'000'000 + random() % 5'000'000);
  CHECK(size_of_repeated(value_type::time, polls, 20) <
        2 * size_of_repeated(value_type::time, polls, 1));
  // Numbers in the dictionary have 9 bits: as such they would begin in a byte like the first ones
  // in every eighth repetition only.
  std::vector<std::uint64_t> few;
  for (int i = 0; i < 3001; ++i) few.push_back(random() % 300 * 1'000'003);
  CHECK(size_of_repeated(value_type::u32, few, 20) < 2 * size_of_repeated(value_type::u32, few, 1));
}
