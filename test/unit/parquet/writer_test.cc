// SPDX-License-Identifier: Apache-2.0
//
// Row groups that go out. What they say is read by test/cli/cli_parquet.py.
#include "parquet/writer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo::parquet;

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
