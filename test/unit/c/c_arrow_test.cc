// SPDX-License-Identifier: Apache-2.0
//
// Streams of Arrow through the interface for C, held against the same records read one by one.
#include <tcpinfo/c.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unit/c/golden_archive.h"
#include "unit/catch.h"

namespace {

using cell = std::optional<std::string>;

tcpinfo_reader* reader_of(const std::string& text) {
  tcpinfo_reader* reader = nullptr;
  REQUIRE(tcpinfo_reader_open_memory(&reader, text.data(), text.size(), nullptr) == 0);
  return reader;
}

/// A stream of an archive, released at the end.
struct held_stream {
  std::string bytes;
  ArrowArrayStream stream{};

  explicit held_stream(std::string text, const tcpinfo_arrow_options* options = nullptr)
      : bytes(std::move(text)) {
    REQUIRE(tcpinfo_reader_arrow(reader_of(bytes), options, &stream) == 0);
  }
  ~held_stream() {
    if (stream.release != nullptr) stream.release(&stream);
  }
  held_stream(const held_stream&) = delete;
  held_stream& operator=(const held_stream&) = delete;

  ArrowArray next() {
    ArrowArray array{};
    REQUIRE(stream.get_next(&stream, &array) == 0);
    return array;
  }
};

template <class Number>
Number number_at(const ArrowArray& array, std::int64_t row) {
  return static_cast<const Number*>(array.buffers[1])[row];
}

cell cell_of(const ArrowArray& array, std::string_view format, std::int64_t row) {
  REQUIRE(array.offset == 0);
  const auto bit = [row](const void* bits) {
    return (static_cast<const std::uint8_t*>(bits)[row / 8] >> row % 8 & 1) != 0;
  };
  if (array.buffers[0] == nullptr) REQUIRE(array.null_count == 0);
  if (array.buffers[0] != nullptr && !bit(array.buffers[0])) return std::nullopt;
  if (format == "u") {
    REQUIRE(array.n_buffers == 3);
    const auto from = number_at<std::int32_t>(array, row);
    const auto to = number_at<std::int32_t>(array, row + 1);
    return std::string(static_cast<const char*>(array.buffers[2]) + from,
                       static_cast<std::size_t>(to - from));
  }
  REQUIRE(array.n_buffers == 2);
  if (format == "b") return bit(array.buffers[1]) ? "1" : "0";
  if (format == "C") return std::to_string(number_at<std::uint8_t>(array, row));
  if (format == "S") return std::to_string(number_at<std::uint16_t>(array, row));
  if (format == "I") return std::to_string(number_at<std::uint32_t>(array, row));
  if (format == "L") return std::to_string(number_at<std::uint64_t>(array, row));
  REQUIRE(format == "tsn:");
  return std::to_string(number_at<std::int64_t>(array, row));
}

/// All rows, whatever the arrays are, by the columns of the schema.
std::vector<std::vector<cell>> rows_of(ArrowArrayStream& stream, std::size_t most_rows) {
  ArrowSchema schema{};
  REQUIRE(stream.get_schema(&stream, &schema) == 0);
  std::vector<std::vector<cell>> rows;
  for (;;) {
    ArrowArray array{};
    REQUIRE(stream.get_next(&stream, &array) == 0);
    if (array.release == nullptr) break;
    REQUIRE(array.length > 0);
    CHECK(static_cast<std::size_t>(array.length) <= most_rows);
    REQUIRE(array.n_children == schema.n_children);
    for (std::int64_t row = 0; row < array.length; ++row) {
      std::vector<cell>& cells = rows.emplace_back();
      for (std::int64_t i = 0; i < array.n_children; ++i) {
        REQUIRE(array.children[i]->length == array.length);
        cells.push_back(cell_of(*array.children[i], schema.children[i]->format, row));
      }
    }
    array.release(&array);
    CHECK(array.release == nullptr);
  }
  schema.release(&schema);
  return rows;
}

cell cell_of(const tcpinfo_snapshot* snapshot, const tcpinfo_field& field, bool keep_sentinels) {
  if (field.type == TCPINFO_TYPE_TEXT) {
    const char* text = nullptr;
    std::size_t size = 0;
    if (tcpinfo_snapshot_text(snapshot, field.id, &text, &size) != 1) return std::nullopt;
    return std::string(text, size);
  }
  if (field.type == TCPINFO_TYPE_ADDRESS) {
    tcpinfo_socket_id id{};
    if (tcpinfo_snapshot_address(snapshot, field.id, &id.src) != 1) return std::nullopt;
    std::string text(100, '\0');
    text.resize(tcpinfo_id_text(&id, text.data(), text.size()));
    // [2001:db8::1]:0 or 192.0.2.1:0, and the other end.
    text.resize(text.find(text[0] == '[' ? "]" : ":"));
    return text[0] == '[' ? text.substr(1) : text;
  }
  std::uint64_t value = 0;
  const auto read = keep_sentinels ? tcpinfo_snapshot_value : tcpinfo_snapshot_measured;
  if (read(snapshot, field.id, &value) != 1) return std::nullopt;
  return std::to_string(value);
}

cell time_of(const tcpinfo_timestamp& t) {
  if (t.seconds == 0 && t.nanoseconds == 0) return std::nullopt;
  return std::to_string(t.seconds * 1'000'000'000 + t.nanoseconds);
}

std::vector<std::vector<cell>> rows_one_by_one(const std::string& text, bool keep_sentinels) {
  tcpinfo_reader* const reader = reader_of(text);
  tcpinfo_snapshot* snapshot = nullptr;
  REQUIRE(tcpinfo_snapshot_new(&snapshot) == 0);
  std::vector<std::vector<cell>> rows;
  cell uuid;
  tcpinfo_record r;
  TCPINFO_INIT(r);
  while (tcpinfo_reader_next(reader, &r) == 1) {
    if (r.metadata != nullptr) uuid = r.metadata->uuid;
    if (r.message.bytes == nullptr) continue;
    REQUIRE(tcpinfo_snapshot_decode(snapshot, &r.message, r.layout) == 0);
    std::vector<cell>& row = rows.emplace_back();
    row = {uuid, time_of(r.time), std::nullopt, time_of(r.ended)};
    if ((r.flags & TCPINFO_RECORD_HAS_POLL) != 0) row[2] = std::to_string(r.poll);
    for (std::size_t i = 0; i < tcpinfo_field_count(); ++i) {
      tcpinfo_field field;
      TCPINFO_INIT(field);
      REQUIRE(tcpinfo_field_at(i, &field) == 0);
      row.push_back(cell_of(snapshot, field, keep_sentinels));
    }
  }
  tcpinfo_snapshot_free(snapshot);
  tcpinfo_reader_close(reader);
  return rows;
}

struct told_faults {
  std::vector<std::pair<int, std::uint64_t>> all;
  int releases = 0;
};

tcpinfo_arrow_options options_that_tell(told_faults& faults) {
  tcpinfo_arrow_options options;
  TCPINFO_INIT(options);
  options.user = &faults;
  options.on_fault = [](void* user, int result, std::uint64_t line) {
    static_cast<told_faults*>(user)->all.emplace_back(result, line);
    return 0;
  };
  options.on_release = [](void* user) { ++static_cast<told_faults*>(user)->releases; };
  return options;
}

std::string with_nonsense(std::string text) {
  const std::size_t third = text.find('\n', text.find('\n') + 1) + 1;
  return text.insert(third, "nonsense\n") + "{\"Event\":\"new\"}\n";
}

}  // namespace

TEST_CASE("C: a stream of Arrow has all fields of all records") {
  const char* const name = GENERATE("kernel618_1.jsonl", "kernel618_3.jsonl");
  const std::string text = golden(name);
  const bool keep = GENERATE(false, true);
  tcpinfo_arrow_options options;
  TCPINFO_INIT(options);
  options.rows = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{9});
  options.keep_sentinels = keep ? 1 : 0;
  held_stream held(text, &options);
  const auto rows = rows_of(held.stream, options.rows == 0 ? 65'536 : options.rows);
  REQUIRE_FALSE(rows.empty());
  CHECK(rows == rows_one_by_one(text, keep));
  CHECK(held.next().release == nullptr);  // the end stays
  CHECK(held.stream.get_last_error(&held.stream) == nullptr);
}

TEST_CASE("C: a stream of Arrow has the fields that were asked for, typed") {
  const std::vector<std::uint32_t> fields = {field_id_of("rtt_us"), field_id_of("cong"),
                                             field_id_of("sport"), field_id_of("src"),
                                             field_id_of("bytes_acked")};
  tcpinfo_arrow_options options;
  TCPINFO_INIT(options);
  options.fields = fields.data();
  options.field_count = fields.size();
  held_stream held(golden("kernel618_1.jsonl"), &options);
  ArrowSchema schema{};
  REQUIRE(held.stream.get_schema(&held.stream, &schema) == 0);
  CHECK(std::string_view(schema.format) == "+s");
  std::string columns;
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    CHECK(schema.children[i]->flags == ARROW_FLAG_NULLABLE);
    columns += std::string(schema.children[i]->name) + " " + schema.children[i]->format + ",";
  }
  CHECK(columns ==
        "uuid u,timestamp tsn:,poll L,ended tsn:,rtt_us I,cong u,sport S,src u,bytes_acked L,");
  schema.release(&schema);
}

TEST_CASE("C: arrays and columns outlive what they came from") {
  const std::string text = golden("kernel618_1.jsonl");
  ArrowArray column{};
  ArrowSchema type{};
  {
    held_stream held(text);
    ArrowArray array = held.next();
    ArrowSchema schema{};
    REQUIRE(held.stream.get_schema(&held.stream, &schema) == 0);
    held.stream.release(&held.stream);
    CHECK(held.stream.release == nullptr);
    // Moved, as the specification has it.
    column = *array.children[1];
    array.children[1]->release = nullptr;
    type = *schema.children[1];
    schema.children[1]->release = nullptr;
    array.release(&array);
    schema.release(&schema);
  }
  CHECK(std::string_view(type.name) == "timestamp");
  CHECK(cell_of(column, type.format, 0) == rows_one_by_one(text, false)[0][1]);
  column.release(&column);
  type.release(&type);
}

TEST_CASE("C: a fault ends a stream of Arrow behind the rows before it, or is told") {
  const std::string good = golden("kernel618_1.jsonl");
  const std::string text = with_nonsense(good);
  {
    held_stream held(text);
    ArrowArray array = held.next();
    CHECK(array.length == 1);
    array.release(&array);
    for (int again = 0; again < 2; ++again) {
      CHECK(held.stream.get_next(&held.stream, &array) == EIO);
      CHECK(array.release == nullptr);
      const std::string said = held.stream.get_last_error(&held.stream);
      CHECK(said.starts_with("line 3: "));
      CHECK(said.size() > 12);
    }
  }
  told_faults faults;
  const tcpinfo_arrow_options options = options_that_tell(faults);
  {
    held_stream held(text, &options);
    CHECK(rows_of(held.stream, 65'536) == rows_one_by_one(good, false));
    REQUIRE(faults.all.size() == 2);
    CHECK(faults.all[0] == std::pair<int, std::uint64_t>(TCPINFO_E_BAD_JSON, 3));
    const auto last = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    CHECK(faults.all[1].first < 0);
    CHECK(faults.all[1].second == last);
    CHECK(faults.releases == 0);
  }
  CHECK(faults.releases == 1);
}

TEST_CASE("C: what a stream of Arrow refuses leaves the reader as it was") {
  const std::string text = golden("kernel618_1.jsonl");
  tcpinfo_reader* const reader = reader_of(text);
  ArrowArrayStream stream{};
  const std::uint32_t unknown = 0xffffffffU;
  tcpinfo_arrow_options options;
  TCPINFO_INIT(options);
  options.field_count = 1;
  CHECK(tcpinfo_reader_arrow(reader, &options, &stream) == TCPINFO_E_INVALID_ARGUMENT);
  options.fields = &unknown;
  CHECK(tcpinfo_reader_arrow(reader, &options, &stream) == TCPINFO_E_UNKNOWN_FIELD);
  options.field_count = 0;
  options.reserved = 1;
  CHECK(tcpinfo_reader_arrow(reader, &options, &stream) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_reader_arrow(reader, nullptr, nullptr) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_reader_arrow(nullptr, nullptr, &stream) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(stream.release == nullptr);
  tcpinfo_record r;
  TCPINFO_INIT(r);
  CHECK(tcpinfo_reader_next(reader, &r) == 1);
  tcpinfo_reader_close(reader);
}
