// SPDX-License-Identifier: Apache-2.0
//
// Writes a Parquet file of drawn cells by lib/parquet, with small row groups and pages, and prints
// what is in it: the types, then each row, as JSON.
//
// usage: drawn_parquet SEED FILE
#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "parquet/writer.h"

namespace {

using namespace tcpinfo::parquet;

constexpr const char* type_names[] = {"u8",      "u16",  "u32",  "u64",
                                      "boolean", "text", "time", "double"};

// How a column's values come: each way asks for another encoding.
enum class way { constant, few, rising, any };

struct drawn_column {
  value_type type;
  way how;
  unsigned nulls;  // of ten
  std::uint64_t last = 0;
};

std::uint64_t mask_of(value_type type) {
  switch (type) {
    case value_type::u8:
      return 0xff;
    case value_type::u16:
      return 0xffff;
    case value_type::u32:
      return 0xffff'ffff;
    case value_type::boolean:
      return 1;
    default:
      return ~std::uint64_t{0};
  }
}

std::uint64_t draw(drawn_column& c, std::mt19937_64& random) {
  switch (c.how) {
    case way::constant:
      break;
    case way::few:
      if (random() % 3 == 0) c.last = random() % 5;
      break;
    case way::rising:
      c.last += 1000 + random() % 3;
      break;
    case way::any:
      c.last = random();
  }
  return c.last & mask_of(c.type);
}

// Of whatever number: no NaN among them.
double real_of(std::uint64_t n) { return static_cast<double>(n) / 1000; }

std::string text_of(std::uint64_t n) { return n % 7 == 0 ? "" : fmt::format("text {}", n); }

std::string json_of(const drawn_column& c, std::uint64_t n) {
  if (c.type == value_type::text) return fmt::format("\"{}\"", text_of(n));
  if (c.type == value_type::number) return fmt::format("{}", real_of(n));
  if (c.type == value_type::time) return fmt::format("{}", static_cast<std::int64_t>(n));
  return fmt::format("{}", n);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::mt19937_64 random(std::stoull(argv[1]));
  std::vector<drawn_column> columns;
  std::vector<column_spec> specs;
  std::string head;
  for (unsigned type = 0; type < 8; ++type) {
    for (const way how : {way::constant, way::few, way::rising, way::any}) {
      const unsigned nulls = random() % 3 == 0 ? static_cast<unsigned>(random() % 11) : 0;
      columns.push_back({static_cast<value_type>(type), how, nulls, random() % 100});
      specs.push_back({fmt::format("c{}", specs.size()), static_cast<value_type>(type)});
      head += fmt::format("{}\"{}\"", head.empty() ? "" : ", ", type_names[type]);
    }
  }
  writer_options options;
  options.group_rows = 1 + random() % 3000;
  options.page_rows = 1 + random() % 500;
  options.created_by = "drawn";
  options.notes = {{"seed", argv[1]}};
  // A text and a time, of few values or any.
  if (random() % 2 == 0) options.order = {21 + random() % 3, 25 + random() % 3};
  std::ofstream file(argv[2], std::ios::binary);
  file_writer writer(specs, options, [&file](std::string_view bytes) {
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file.good();
  });
  std::puts(fmt::format("[{}]", head).c_str());
  row_batch batch = file_writer::make_batch(specs);
  const std::uint64_t rows = random() % 5000;
  for (std::uint64_t row = 0; row < rows; ++row) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      drawn_column& c = columns[i];
      if (!line.empty()) line += ", ";
      if (random() % 10 < c.nulls) {
        batch[i].push_null();
        line += "null";
        continue;
      }
      const std::uint64_t n = draw(c, random);
      if (c.type == value_type::text)
        batch[i].push_text(text_of(n));
      else
        batch[i].push(c.type == value_type::number ? std::bit_cast<std::uint64_t>(real_of(n)) : n);
      line += json_of(c, n);
    }
    std::puts(fmt::format("[{}]", line).c_str());
    if (random() % 300 != 0) continue;
    if (!writer.append(batch)) return 1;
    for (column_values& c : batch) c.clear();
  }
  if (!writer.append(batch) || !writer.finish()) return 1;
  file.close();
  return file.good() ? 0 : 1;
}
