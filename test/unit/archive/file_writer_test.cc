// SPDX-License-Identifier: Apache-2.0
//
// Archive files, written and read again.
#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;

namespace {

class scratch {
 public:
  scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tcpinfo-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  ~scratch() { std::filesystem::remove_all(folder_); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const timestamp at = timestamp::from_unix_nanoseconds(1'700'000'000'000'000'000);

metadata about_it() {
  metadata about;
  about.uuid = "host_1_0000000000000001";
  about.start_time = at;
  return about;
}

// Metadata and the last bytes of three records.
void write_three(archive_file_writer& file) {
  REQUIRE_FALSE(file.write(about_it()));
  made_socket s;
  for (std::uint64_t i = 0; i < 3; ++i) {
    s.set(128, i);
    record_extras extras;
    extras.poll = i;
    REQUIRE_FALSE(file.write(at, s.view(), extras));
  }
}

void read_three(const std::string& path) {
  archive_reader reader;
  REQUIRE_FALSE(reader.open_path(path));
  std::uint64_t n = 0;
  for (const auto& item : reader.items()) {
    REQUIRE(item);
    if (n == 0) {
      CHECK(item->has_metadata());
    } else {
      CHECK(item->poll() == n - 1);
      made_socket s;
      s.set(128, n - 1);
      const message m = item->view();
      CHECK(m.cookie() == s.view().cookie());
    }
    ++n;
  }
  CHECK(n == 4);
}

}  // namespace

TEST_CASE("a file is written as frames, or as plain lines, and read again") {
  const scratch here;
  archive_file_writer file;
  CHECK(file.write(about_it()) == errc::not_open);
  CHECK(file.flush() == errc::not_open);
  CHECK_FALSE(file.finish());
  REQUIRE_FALSE(file.create(here.file("a.jsonl.zst")));
  write_three(file);
  CHECK(content_of(here.file("a.jsonl.zst")).empty());
  REQUIRE_FALSE(file.flush());
  const std::size_t flushed = content_of(here.file("a.jsonl.zst")).size();
  CHECK(flushed > 0);
  REQUIRE_FALSE(file.finish());
  CHECK(content_of(here.file("a.jsonl.zst")).size() == flushed);
  read_three(here.file("a.jsonl.zst"));

  archive_file_options plain;
  plain.plain = 1;
  REQUIRE_FALSE(file.create(here.file("a.jsonl"), plain));
  write_three(file);
  REQUIRE_FALSE(file.finish());
  CHECK(content_of(here.file("a.jsonl")).front() == '{');
  read_three(here.file("a.jsonl"));
  namespace fs = std::filesystem;
  const auto all = fs::perms::owner_exec | fs::perms::group_write | fs::perms::others_all;
  CHECK((fs::status(here.file("a.jsonl")).permissions() & all) == fs::perms::none);
}

TEST_CASE("a full frame is written at once, and what ends without finish() is there") {
  const scratch here;
  {
    archive_file_writer file;
    archive_file_options small;
    small.frame_bytes = 1;
    REQUIRE_FALSE(file.create(here.file("a"), small));
    REQUIRE_FALSE(file.write(about_it()));
    CHECK_FALSE(content_of(here.file("a")).empty());
    archive_file_writer other;
    REQUIRE_FALSE(other.create(here.file("b")));
    write_three(other);
    file = std::move(other);
  }
  read_three(here.file("b"));
}

TEST_CASE("what a file cannot be made of is refused, and nothing is left") {
  const scratch here;
  archive_file_writer file;
  archive_file_options wrong;
  wrong.level = 77;
  CHECK(file.create(here.file("a"), wrong) == errc::invalid_argument);
  wrong = {};
  wrong.frame_bytes = 0;
  CHECK(file.create(here.file("a"), wrong) == errc::invalid_argument);
  wrong = {};
  wrong.plain = 2;
  CHECK(file.create(here.file("a"), wrong) == errc::invalid_argument);
  CHECK(file.create("") == errc::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(here.file("a")));
  CHECK(file.create(here.file("none/a")) == std::errc::no_such_file_or_directory);
  REQUIRE_FALSE(file.create(here.file("a")));
  CHECK(file.write(at, message{}) == errc::message_too_short);
  REQUIRE_FALSE(file.write(about_it()));
  archive_file_writer again;
  CHECK(again.create(here.file("a")) == std::errc::file_exists);
  REQUIRE_FALSE(file.finish());
  CHECK(content_of(here.file("a")).size() > 0);
}

TEST_CASE("a file that cannot be written any more says so from then on") {
  const scratch here;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  archive_file_writer file;
  archive_file_options small;
  small.frame_bytes = 1;
  REQUIRE_FALSE(file.create(here.file("a"), small));
  REQUIRE_FALSE(file.write(about_it()));
  const rlimit none{static_cast<rlim_t>(content_of(here.file("a")).size()), before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
  made_socket s;
  const std::error_code first = file.write(at, s.view());
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(first == std::errc::file_too_large);
  // There is room again, but a frame may be there in part.
  CHECK(file.write(at, s.view()) == std::errc::file_too_large);
  CHECK(file.flush() == std::errc::file_too_large);
  CHECK(file.finish() == std::errc::file_too_large);
  CHECK_FALSE(file.finish());
}

TEST_CASE("secrets are left out of a file, and counted") {
  const scratch here;
  archive_file_writer file;
  REQUIRE_FALSE(file.create(here.file("a")));
  made_socket s;
  s.md5sig = std::string(8, 'k');
  REQUIRE_FALSE(file.write(at, s.view()));
  encode_notes notes;
  CHECK_FALSE(file.left_out(notes));
  CHECK(notes.secrets == 1);
  CHECK_FALSE(file.finish());
  CHECK_FALSE(file.left_out(notes));
  CHECK(notes.secrets == 0);
  notes.size = 1;
  CHECK(file.left_out(notes) == errc::invalid_argument);
}
