// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/connection_table.h"

#include <set>

#include "offline/flows/flow_list.h"
#include "offline/tables/table_ddl.h"
#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

constexpr std::size_t acked_at = 120;
constexpr std::size_t busy_at = 168;
constexpr std::size_t sent_at = 200;

std::string row_of(const std::string& archive, std::string_view columns, row_format format,
                   time_style style = time_style::utc) {
  const scratch folder;
  input_reader reader([](const input_fault&) { return false; });
  REQUIRE(reader.open(folder.file("f.jsonl", archive)));
  flow_list list;
  input_record r;
  while (reader.next(r)) list.add(r, true);
  const auto all = list.flows();
  REQUIRE(all.size() == 1);
  connection_table_options options;
  options.format = format;
  options.time = style;
  REQUIRE(pick_connection_columns(columns, options.columns).empty());
  std::string row;
  append_connection(row, *all[0], options);
  return row;
}

}  // namespace

TEST_CASE("each column of connections is described, in words that are its own") {
  const auto all = all_connection_columns();
  const table_description table = describe_connections(all, time_style::utc);
  REQUIRE(table.columns.size() == all.size());
  const std::set<std::string_view> types = {"u8",      "u16",  "u32",     "u64",    "text",
                                            "address", "time", "boolean", "decimal"};
  std::set<std::string_view> names;
  for (const column_description& c : table.columns) {
    INFO(c.name);
    CHECK(names.insert(c.name).second);
    CHECK(types.count(c.type) == 1);
    CHECK_FALSE(c.unit.empty());
    CHECK_FALSE(c.first_kernel.empty());
    CHECK_FALSE(c.meaning.empty());
  }
  CHECK(names.count("segs_out") == 1);
  CHECK(names.count("busy_time_us") == 1);
  for (const column_description& c : describe_connections(all, time_style::epoch).columns)
    CHECK(c.type != "time");
}

TEST_CASE("columns of connections are picked by names and globs, each once") {
  connection_columns picked;
  CHECK(pick_connection_columns("uuid, *_limited_us,uuid", picked).empty());
  CHECK(picked.size() == 3);
  CHECK(pick_connection_columns("sequence", picked) ==
        "no column of connections is called 'sequence' (see --connections --list-columns)");
  CHECK(pick_connection_columns("uuid,", picked) == "an item is empty (a comma too many?)");
}

TEST_CASE("a row says what is known, in each format") {
  made_socket s;
  s.set(busy_at, std::uint64_t{5}).set(sent_at, std::uint64_t{7}).set(acked_at, std::uint64_t{7});
  const std::string archive = metadata_line("a\"b", 0) + record_line(at_second(1), s.view());
  constexpr std::string_view columns =
      "uuid,opened,first_seen,last_seen,opened_here,median_rtt_us,bytes_sent,duration_s,src";
  CHECK(row_of(archive, columns, row_format::csv) ==
        "\"a\"\"b\",,2023-11-14T22:13:20Z,2023-11-14T22:13:21Z,0,,7,1.000000000,10.1.2.3\n");
  CHECK(row_of(archive, columns, row_format::tsv, time_style::epoch) ==
        "a\"b\t\t1700000000\t1700000001\t0\t\t7\t1.000000000\t10.1.2.3\n");
  CHECK(row_of(archive, columns, row_format::json) ==
        "{\"uuid\":\"a\\\"b\",\"first_seen\":\"2023-11-14T22:13:20Z\","
        "\"last_seen\":\"2023-11-14T22:13:21Z\",\"opened_here\":false,\"bytes_sent\":7,"
        "\"duration_s\":1.000000000,\"src\":\"10.1.2.3\"}\n");
  CHECK(row_of(archive, columns, row_format::json, time_style::epoch).find("\"first_seen\":17") !=
        std::string::npos);
  CHECK(row_of(archive, "opened,closed", row_format::json) == "{}\n");
}

TEST_CASE("a field that the kernel did not send is absent, and not 0") {
  made_socket s;
  s.info.resize(136);  // of 4.1
  const std::string archive = metadata_line("u", 0) + record_line(at_second(1), s.view());
  CHECK(row_of(archive, "bytes_acked,segs_out,bytes_sent,busy_time_us", row_format::csv) ==
        "0,,,\n");
  s.has_info = false;
  const std::string none = metadata_line("u", 0) + record_line(at_second(1), s.view());
  CHECK(row_of(none, "bytes_acked,uid,dport", row_format::csv) == ",,50000\n");
}

TEST_CASE("the table of connections has a name and an order of its own in a database") {
  connection_columns picked;
  REQUIRE(pick_connection_columns("uuid,first_seen,bytes_sent", picked).empty());
  const std::string sql =
      ddl_of(describe_connections(picked, time_style::utc), time_style::utc, database::postgresql);
  CHECK(sql.find("CREATE TABLE tcpinfo_connections (\n  uuid text,\n  first_seen timestamptz,\n"
                 "  bytes_sent numeric(20)\n);\n") != std::string::npos);
  CHECK(sql.find("ON tcpinfo_connections (uuid, first_seen);") != std::string::npos);
  const std::string lite =
      ddl_of(describe_connections(picked, time_style::utc), time_style::utc, database::sqlite);
  CHECK(lite.find("CREATE VIEW tcpinfo_connections_csv AS") != std::string::npos);
}
