// SPDX-License-Identifier: Apache-2.0
//
// Tables of recorded files: what stands in the cells is what the snapshots say.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "offline/commands/csv_progress.h"
#include "offline/commands/csv_turns.h"
#include "offline/tables/table_columns.h"
#include "offline/tables/table_rows.h"
#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

std::vector<std::string> picked(std::string_view list) {
  std::vector<table_column> columns;
  if (const std::string wrong = pick_columns(list, columns); !wrong.empty())
    return {"wrong: " + wrong};
  std::vector<std::string> names;
  for (const table_column& c : columns) names.emplace_back(c.name());
  return names;
}

using names = std::vector<std::string>;

std::vector<std::string> recorded_files() {
  std::vector<std::string> files;
  for (const char* variable : {"TCPINFO_GOLDEN", "TCPINFO_CORPUS"}) {
    const char* folder = std::getenv(variable);
    if (folder == nullptr || !std::filesystem::is_directory(folder)) {
      WARN("skipped: " << variable << " is not there");
      continue;
    }
    input_walk walk({folder}, {}, [](const input_fault&) { return true; });
    std::string path;
    while (walk.next(path))
      // Where the folder itself stands does not matter.
      if (path.find("events", std::strlen(folder)) == std::string::npos) files.push_back(path);
  }
  return files;
}

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == separator)
      cells.emplace_back();
    else if (c != '\n')
      cells.back() += c;
  }
  return cells;
}

// The cell of a column as the snapshot's own readers tell it.
std::string expected_cell(const snapshot& s, column_descriptor c) {
  const field_descriptor f = find_field(c.name());
  if (!f.valid()) return "?";  // a bit of a set
  std::string_view text;
  if (s.text(f, text)) return text.empty() ? "" : std::string(text);
  ip_address a;
  if (s.address(f, a)) return to_string(a);
  std::uint64_t v = 0;
  if (!s.value(f, v)) return "";
  if (f.sentinel() && *f.sentinel() == v) return "";
  std::string_view name;
  if (c.name() == "state" || c.name() == "tcp_state")
    name = state_name(static_cast<std::uint8_t>(v));
  if (c.name() == "ca_state") name = ca_state_name(static_cast<std::uint8_t>(v));
  return name.empty() ? std::to_string(v) : std::string(name);
}

}  // namespace

TEST_CASE("columns are picked by names and globs, each once, in the order asked for") {
  CHECK(picked("rtt_us,uuid") == names{"rtt_us", "uuid"});
  CHECK(picked("vegas_*") ==
        names{"vegas_enabled", "vegas_rttcnt", "vegas_rtt_us", "vegas_minrtt_us"});
  CHECK(picked("vegas_rtt_us,vegas_*") ==
        names{"vegas_rtt_us", "vegas_enabled", "vegas_rttcnt", "vegas_minrtt_us"});
  CHECK(picked("s[rd][ct],?port") == names{"src", "sport", "dport"});
  CHECK(picked("poll,poll") == names{"poll"});
  CHECK(picked(" poll , uuid") == names{"poll", "uuid"});
  std::vector<table_column> added;
  CHECK(pick_columns("uuid,poll", added).empty());
  CHECK(pick_columns("poll,sequence", added).empty());
  REQUIRE(added.size() == 3);
  CHECK(added.back().name() == "sequence");
  CHECK(picked("nothing") == names{"wrong: no column is called 'nothing' (see --list-columns)"});
  CHECK(picked("rtt_us,,poll") == names{"wrong: an item is empty (a comma too many?)"});
  CHECK(picked("uuid,x*") == names{"wrong: no column is called 'x*' (see --list-columns)"});
  CHECK(picked("*").size() == all_columns().size());
}

TEST_CASE("the list of columns covers all, with a type for each") {
  const auto all = all_columns();
  CHECK(all.size() == 8 + column_count());
  const std::set<std::string_view> types = {"u8",   "u16",     "u32",  "u64",
                                            "text", "address", "time", "boolean"};
  for (const table_column& c : all) {
    INFO(c.name());
    CHECK(types.count(c.type(time_style::utc)) == 1);
    CHECK_FALSE(c.unit().empty());
    CHECK_FALSE(c.meaning().empty());
    CHECK_FALSE(c.first_kernel().empty());
  }
  const auto lines = split(list_of(describe(all, time_style::utc)), '\t');
  CHECK(lines.size() == (all.size() + 1) * 4 + 1);
}

TEST_CASE("cells are what the snapshots say, for every record there is") {
  table_options options;
  options.columns = all_columns();
  const auto rows = make_table_rows(options);
  snapshot s;
  std::size_t records = 0;
  std::size_t wrong = 0;
  for (const std::string& path : recorded_files()) {
    input_reader reader([](const input_fault&) { return true; });
    if (!reader.open(path)) continue;
    input_record r;
    while (reader.next(r)) {
      if (!r.has_message) continue;
      std::string line(rows->begin(r), '#');
      line.resize(static_cast<std::size_t>(rows->write(r, line.data()) - line.data()));
      // The one text with a comma in the golden files has a test of its own.
      if (line.find('"') != std::string::npos) continue;
      const auto cells = split(line, ',');
      REQUIRE(cells.size() == options.columns.size());
      REQUIRE_FALSE(s.decode(r.m, r.context->layout));
      ++records;
      for (std::size_t i = 7; i < cells.size(); ++i) {
        std::string expected = expected_cell(s, options.columns[i].field);
        // In layout a the field has another name.
        if (options.columns[i].name() == "accecn_opt_seen" && s.layout() == info_layout::a)
          if (const auto v = s.value(tcp_field::accecn_opt_seen_a)) expected = std::to_string(*v);
        if (expected == "?" || expected == cells[i]) continue;
        ++wrong;
        UNSCOPED_INFO(path << ":" << r.line << ": " << options.columns[i].name() << " is "
                           << cells[i] << ", not " << expected);
      }
      CHECK(cells[0] == r.uuid());
    }
  }
  CHECK(wrong == 0);
  CHECK(records > 50);
}

TEST_CASE("a final record's row says when it was opened and ended, and what it carries") {
  const scratch dir;
  made_socket m;
  metadata said;
  said.uuid = "h_1_0000000000000001";
  said.start_time = at_second(3);
  said.opened = at_second(1, 500'000'000);
  std::string text(max_metadata_size(said), '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(encode_metadata(text, n, said));
  text.resize(n);
  record_extras extras;
  extras.ended = at_second(5, 1);
  extras.carried = ends_bit | attribute_bit(attribute_type::cong) | attribute_bit(31);
  extras.thinned = 25;
  text += record_line(at_second(3), m.view(), 7) + record_line(at_second(9), m.view(), extras);
  const auto rows_of = [&](row_format format, time_style time) {
    table_options options;
    std::string wrong;
    options.format = format;
    options.time = time;
    REQUIRE(pick_columns("poll,opened,ended,carried,thinned", options.columns).empty());
    const auto rows = make_table_rows(options);
    input_reader reader([](const input_fault&) { return true; });
    REQUIRE(reader.open(dir.file("f.jsonl", text)));
    std::string all;
    input_record r;
    while (reader.next(r)) {
      if (!r.has_message) continue;
      std::string line(rows->begin(r), '#');
      all.append(line.data(), rows->write(r, line.data()));
    }
    return all;
  };
  CHECK(rows_of(row_format::csv, time_style::utc) ==
        "7,2023-11-14T22:13:21.5Z,,,\n"
        ",2023-11-14T22:13:21.5Z,2023-11-14T22:13:25.000000001Z,ID CONG 31,25\n");
  CHECK(rows_of(row_format::json, time_style::epoch) ==
        "{\"poll\":7,\"opened\":1700000001.5}\n"
        "{\"opened\":1700000001.5,\"ended\":1700000005.000000001,\"carried\":\"ID CONG 31\","
        "\"thinned\":25}\n");
}

TEST_CASE("a table's first line names its columns") {
  table_options options;
  std::string wrong;
  REQUIRE(pick_columns("uuid,rtt_us", options.columns).empty());
  CHECK(table_header(options) == "uuid,rtt_us\n");
  options.format = row_format::tsv;
  CHECK(table_header(options) == "uuid\trtt_us\n");
  options.format = row_format::json;
  CHECK(table_header(options).empty());
}

TEST_CASE("turns go round in the order in which files were taken") {
  int files = 0;
  csv_turns turns([&](input_part& part) {
    part.path = std::to_string(files);
    return files++ < 2;
  });
  input_part part;
  std::size_t first = 9;
  std::size_t second = 9;
  std::size_t third = 9;
  REQUIRE(turns.take(part, first));
  REQUIRE(turns.take(part, second));
  CHECK_FALSE(turns.take(part, third));
  CHECK(first == 0);
  CHECK(second == 1);
  CHECK(turns.is_turn(first));
  CHECK_FALSE(turns.is_turn(second));
  CHECK(turns.wait(first));
  turns.done(first);
  CHECK(turns.wait(second));
  turns.stop();
  CHECK_FALSE(turns.wait(second));
  CHECK_FALSE(turns.take(part, third));
}

TEST_CASE("the progress line says what is known") {
  CHECK(progress_line({40, 100'000'000}, 12, 25'000'000, 1'624'690, 2.0, 79) ==
        "12 of 40 files  25.0 of 100.0 MB  812,345 rows/s  6s left");
  CHECK(progress_line({}, 0, 1'500'000, 10, 2.0, 79) == "0 files  1.5 MB  5 rows/s");
  CHECK(progress_line({}, 0, 1'500'000, 10, 2.0, 79, "records") == "0 files  1.5 MB  5 records/s");
  CHECK(progress_line({40, 100'000'000}, 12, 25'000'000, 1'624'690, 2.0, 39) ==
        "12/40  25.0/100.0MB  812k/s  6s");
  CHECK(progress_line({40, 100'000'000}, 12, 25'000'000, 16'000, 2.0, 20) ==
        "12/40  25.0/100.0MB ");
  CHECK(progress_line({}, 12, 25'000'000, 40'000'000, 2.0, 24) == "12  25.0MB  20M/s");
  CHECK(progress_line({}, 12, 25'000'000, 0, 2.0, 0).empty());
  CHECK(progress_line({1, 10}, 0, 0, 0, 2.0, 79) == "0 of 1 files  0.0 of 0.0 MB  0 rows/s");
}
