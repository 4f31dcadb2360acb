// SPDX-License-Identifier: Apache-2.0
//
// Which connection a record is of, and in which order they are given.
#include "offline/flows/flow_list.h"

#include <algorithm>

#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

struct text_file {
  std::string name;
  std::string text;
};

void read(flow_list& list, const std::vector<text_file>& files) {
  const scratch folder;
  input_reader reader([](const input_fault& f) {
    FAIL(to_string(f));
    return true;
  });
  input_record r;
  for (const text_file& f : files) {
    REQUIRE(reader.open(folder.file(f.name, f.text)));
    while (reader.next(r)) list.add(r, true);
  }
}

std::string line(made_socket& s, int second) { return record_line(at_second(second), s.view()); }

std::string end_line(made_socket s, int second) {
  s.state = tcp_state::close;
  return line(s, second);
}

constexpr std::string_view uuid = "h_1_0000000000000001";

}  // namespace

TEST_CASE("a connection in several files is one, whichever is read first") {
  made_socket s;
  std::vector<text_file> files;
  for (int i = 0; i < 3; ++i) {
    std::string text = metadata_line(uuid, static_cast<std::uint64_t>(i), "r1") + line(s, 10 * i) +
                       line(s, 10 * i + 1);
    if (i == 2) text += end_line(s, 25);
    files.push_back({"f" + std::to_string(i) + ".jsonl", text});
  }
  std::sort(files.begin(), files.end(),
            [](const text_file& a, const text_file& b) { return a.name < b.name; });
  do {
    flow_list list;
    read(list, files);
    const auto all = list.flows();
    REQUIRE(all.size() == 1);
    CHECK(all[0]->uuid() == uuid);
    CHECK(all[0]->snapshots() == 7);
    CHECK(all[0]->gaps() == 0);
    CHECK(all[0]->first_seen() == at_second(0));
    CHECK(all[0]->last_seen() == at_second(25));
    CHECK(all[0]->ended() == at_second(25));
  } while (std::next_permutation(
      files.begin(), files.end(),
      [](const text_file& a, const text_file& b) { return a.name < b.name; }));
}

TEST_CASE("a socket in use again is another connection, also where the clock was set back") {
  made_socket s;
  const std::string first = metadata_line(uuid, 0) + line(s, 10) + end_line(s, 12);
  for (const int second : {20, 5}) {
    flow_list list;
    read(list, {{"f.jsonl", first + line(s, second) + end_line(s, second + 1)}});
    const auto all = list.flows();
    REQUIRE(all.size() == 2);
    CHECK(all[0]->snapshots() == 2);
    CHECK(all[1]->snapshots() == 2);
    CHECK(all[1]->first_seen() == at_second(std::min(second, 0)));
  }
  // To another end, and back to the first: three connections, and the last is not the first.
  made_socket other;
  other.dport = 50001;
  flow_list list;
  read(list, {{"f.jsonl", first + line(other, 20) + end_line(other, 21) + line(s, 30)}});
  CHECK(list.flows().size() == 3);
}

TEST_CASE("flows come in the order of their UUIDs, which come back letter for letter") {
  made_socket s;
  std::vector<text_file> files;
  std::vector<std::string> uuids = {"b_1_00000000000000FF",
                                    "b_1_0000000000000100",
                                    "a_2_000000000000ABCD",
                                    "b_1_00000000000000ff",
                                    "short",
                                    "0000000000000007",
                                    "b_1_0000000000000100x"};
  for (const std::string& u : uuids)
    files.push_back({u + "_file.jsonl", metadata_line(u, 0) + line(s, 1)});
  flow_list list;
  read(list, files);
  std::sort(uuids.begin(), uuids.end());
  std::vector<std::string> got;
  for (const flow_summary* f : list.flows()) got.push_back(f->uuid());
  CHECK(got == uuids);
}

TEST_CASE("a file's name is not the UUID of many connections") {
  made_socket a;
  made_socket b;
  b.cookie = 2;
  flow_list list;
  read(list, {{"some name.jsonl", line(a, 1) + line(b, 2) + line(a, 3)}});
  const auto all = list.flows();
  REQUIRE(all.size() == 2);
  CHECK(all[0]->uuid() == "some name");
  CHECK(all[1]->uuid() == "some name");
  CHECK(all[0]->snapshots() == 2);
}

TEST_CASE("thousands of connections are found again") {
  std::string text;
  made_socket s;
  const auto name = [](std::uint64_t i) {
    std::string digits = std::to_string(1'000'000'000'000'000 + i);
    return "h_1_" + digits;
  };
  for (const int second : {0, 10})
    for (std::uint64_t i = 0; i < 3000; ++i) {
      s.cookie = i + 1;
      text += metadata_line(name(i), second == 0 ? 0 : 1) + line(s, second);
    }
  flow_list list;
  read(list, {{"f.jsonl", text}});
  const auto all = list.flows();
  REQUIRE(all.size() == 3000);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i]->snapshots() != 2 || all[i]->uuid() != name(i)) FAIL(i);
}

TEST_CASE("a connection costs some hundred bytes") {
  // A million of them, with the index and the texts that they do not share, in 550 MB.
  CHECK(sizeof(flow_summary) <= 640);
}
