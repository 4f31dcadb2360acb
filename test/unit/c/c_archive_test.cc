// SPDX-License-Identifier: Apache-2.0
//
// Archives and events through the interface for C.
#include <tcpinfo/archive.h>
#include <tcpinfo/c.h>
#include <tcpinfo/parse.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "unit/c/golden_archive.h"
#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;

namespace {

class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tcpinfo-c-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

struct held_reader {
  tcpinfo_reader* handle = nullptr;
  explicit held_reader(const std::string& text) {
    REQUIRE(tcpinfo_reader_open_memory(&handle, text.data(), text.size(), nullptr) == 0);
  }
  ~held_reader() { tcpinfo_reader_close(handle); }
  held_reader(const held_reader&) = delete;
  held_reader& operator=(const held_reader&) = delete;
};

tcpinfo_record new_record() {
  tcpinfo_record r;
  TCPINFO_INIT(r);
  return r;
}

/// All results of an archive, in words.
struct seen {
  std::vector<int> results;
  std::vector<std::uint64_t> lines;
  std::size_t limit = 1'000'000;
  tcpinfo_reader* used = nullptr;
  int from_within = 0;

  static int take(void* user, int result, const tcpinfo_record* record) {
    auto& self = *static_cast<seen*>(user);
    self.results.push_back(result);
    self.lines.push_back(record == nullptr ? 0 : record->line);
    if (self.used != nullptr) {
      tcpinfo_record other = new_record();
      self.from_within = tcpinfo_reader_next(self.used, &other);
    }
    return self.results.size() == self.limit ? 7 : 0;
  }
};

}  // namespace

TEST_CASE("C: an archive is read as by C++, and written again as it was") {
  const scratch_folder folder;
  const bool plain = GENERATE(true, false);
  for (const char* name : {"kernel618_1.jsonl", "kernel618_3.jsonl", "kernel618_4.jsonl"}) {
    const std::string text = golden(name);
    archive_reader wanted;
    REQUIRE_FALSE(wanted.open_memory(std::as_bytes(std::span(text))));
    const held_reader held(text);
    tcpinfo_writer_options options;
    TCPINFO_INIT(options);
    options.plain = plain ? 1 : 0;
    options.frame_bytes = 1000;
    const std::string copy = folder / (std::string(name) + (plain ? "p" : "z")).c_str();
    tcpinfo_writer* writer = nullptr;
    REQUIRE(tcpinfo_writer_open(&writer, copy.c_str(), &options) == 0);
    std::size_t records = 0;
    for (record r;;) {
      bool more = false;
      REQUIRE_FALSE(wanted.next(r, more));
      tcpinfo_record c = new_record();
      REQUIRE(tcpinfo_reader_next(held.handle, &c) == (more ? 1 : 0));
      if (!more) break;
      ++records;
      CHECK(c.line == wanted.line_number());
      REQUIRE((c.metadata != nullptr) == r.has_metadata());
      if (r.has_metadata()) {
        metadata m;
        REQUIRE(r.get_metadata(m));
        CHECK(c.metadata->uuid == m.uuid);
        CHECK(c.metadata->sequence == m.sequence);
        CHECK(c.metadata->start_time.seconds == m.start_time.seconds);
        CHECK(c.metadata->start_time.nanoseconds == m.start_time.nanoseconds);
        CHECK((c.metadata->kernel == nullptr) == m.kernel.empty());
        if (!m.kernel.empty()) CHECK(c.metadata->kernel == m.kernel);
        CHECK(c.metadata->byte_order == std::string_view("little"));
        CHECK(c.message.bytes == nullptr);
      } else {
        CHECK(c.time.seconds == r.time().seconds);
        CHECK(c.time.nanoseconds == r.time().nanoseconds);
        const bytes_view bytes = r.view().bytes;
        REQUIRE(c.message.length == bytes.size());
        CHECK(std::memcmp(c.message.bytes, bytes.data(), bytes.size()) == 0);
        CHECK(((c.flags & TCPINFO_RECORD_HAS_POLL) != 0) == (r.poll() != no_poll));
      }
      REQUIRE(tcpinfo_writer_write(writer, &c) == 0);
    }
    CHECK(records > 1);
    REQUIRE(tcpinfo_writer_close(writer) == 0);
    struct ::stat status {};
    REQUIRE(::stat(copy.c_str(), &status) == 0);
    CHECK((status.st_mode & 0137) == 0);

    // What was written is the same text, whether compressed or not.
    std::ifstream in(copy, std::ios::binary);
    std::ostringstream written;
    written << in.rdbuf();
    CHECK((written.str() == text) == plain);
    tcpinfo_reader* again = nullptr;
    REQUIRE(tcpinfo_reader_open_path(&again, copy.c_str(), nullptr) == 0);
    std::string lines;
    tcpinfo_record c = new_record();
    while (tcpinfo_reader_next(again, &c) == 1) {
      const char* line = nullptr;
      std::size_t size = 0;
      CHECK(tcpinfo_reader_line(again, &line, &size) == c.line);
      lines.append(line, size).append("\n");
    }
    tcpinfo_reader_close(again);
    CHECK(lines == text);
  }
}

TEST_CASE("C: damage of an archive is told once, and what is behind it is read") {
  std::string text = golden("kernel618_1.jsonl");
  const std::size_t lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  const std::size_t second = text.find('\n') + 1;
  text.insert(second, "{\"broken\":\n");
  text += "{\"Timestamp\":\"2026-";
  seen all;
  {
    const held_reader held(text);
    all.used = held.handle;
    CHECK(tcpinfo_reader_each(held.handle, seen::take, &all) == 0);
    CHECK(all.from_within == TCPINFO_E_BUSY);
  }
  REQUIRE(all.results.size() == lines + 2);
  CHECK(all.results[0] == 1);
  CHECK(all.results[1] == TCPINFO_E_BAD_JSON);
  CHECK(all.results[2] == 1);
  CHECK(all.lines[2] == 3);
  CHECK(all.results.back() == TCPINFO_E_UNTERMINATED_LINE);
  CHECK(std::count(all.results.begin(), all.results.end(), 1) ==
        static_cast<std::ptrdiff_t>(lines));

  // Stopped, it goes on where it was.
  const held_reader held(text);
  seen some;
  some.limit = 3;
  CHECK(tcpinfo_reader_each(held.handle, seen::take, &some) == TCPINFO_E_STOPPED);
  CHECK(some.results.size() == 3);
  tcpinfo_record c = new_record();
  REQUIRE(tcpinfo_reader_next(held.handle, &c) == 1);
  CHECK(c.line == 4);
}

TEST_CASE("C: a reader's options bound lines and windows") {
  const scratch_folder folder;
  const std::string text = golden("kernel618_1.jsonl");
  tcpinfo_reader_options options;
  TCPINFO_INIT(options);
  options.max_line = 10;
  tcpinfo_reader* reader = nullptr;
  REQUIRE(tcpinfo_reader_open_memory(&reader, text.data(), text.size(), &options) == 0);
  tcpinfo_record c = new_record();
  CHECK(tcpinfo_reader_next(reader, &c) == TCPINFO_E_LINE_TOO_LONG);
  tcpinfo_reader_close(reader);

  // The same lines, more often than a window of 1 KiB holds.
  const std::string path = folder / "a.jsonl.zst";
  tcpinfo_writer* writer = nullptr;
  REQUIRE(tcpinfo_writer_open(&writer, path.c_str(), nullptr) == 0);
  {
    const held_reader held(text);
    while (tcpinfo_reader_next(held.handle, &c) == 1)
      REQUIRE(tcpinfo_writer_write(writer, &c) == 0);
  }
  REQUIRE(tcpinfo_writer_close(writer) == 0);
  TCPINFO_INIT(options);
  options.max_window_log = 10;
  REQUIRE(tcpinfo_reader_open_path(&reader, path.c_str(), &options) == 0);
  CHECK(tcpinfo_reader_next(reader, &c) == TCPINFO_E_WINDOW_TOO_LARGE);
  tcpinfo_reader_close(reader);
}

TEST_CASE("C: columns have the values of the records") {
  const std::string text = golden("kernel618_1.jsonl");
  const std::vector<const char*> names = {"cookie", "rtt_us", "info.min_rtt", "bbr_bw_bytes_per_s",
                                          "skmem_rmem_alloc_bytes"};
  std::vector<std::uint32_t> fields;
  for (const char* name : names) fields.push_back(field_id_of(name));

  // By single records.
  struct cell {
    std::uint64_t value;
    bool is_there;
  };
  std::vector<std::vector<cell>> wanted(names.size());
  std::vector<std::int64_t> times;
  {
    const held_reader held(text);
    tcpinfo_snapshot* snapshot = nullptr;
    REQUIRE(tcpinfo_snapshot_new(&snapshot) == 0);
    tcpinfo_record c = new_record();
    while (tcpinfo_reader_next(held.handle, &c) == 1) {
      if (c.metadata != nullptr) continue;
      REQUIRE(tcpinfo_snapshot_decode(snapshot, &c.message, c.layout) == 0);
      times.push_back(c.time.seconds * 1'000'000'000 + c.time.nanoseconds);
      for (std::size_t i = 0; i < fields.size(); ++i) {
        std::uint64_t value = 0;
        const int result = tcpinfo_snapshot_measured(snapshot, fields[i], &value);
        wanted[i].push_back({value, result == 1});
      }
    }
    tcpinfo_snapshot_free(snapshot);
  }
  REQUIRE(times.size() > 7);

  const std::size_t room = GENERATE(std::size_t{1}, std::size_t{3}, std::size_t{100'000});
  std::vector<std::uint64_t> values(fields.size() * room, 42);
  std::vector<std::uint8_t> present(fields.size() * room, 42);
  std::vector<std::int64_t> got_times(room);
  tcpinfo_columns columns;
  TCPINFO_INIT(columns);
  columns.rows = room;
  columns.fields = fields.data();
  columns.field_count = fields.size();
  columns.values = values.data();
  columns.present = present.data();
  columns.times_ns = got_times.data();
  const held_reader held(text);
  std::size_t done = 0;
  for (int result = 1; result == 1;) {
    std::size_t read = 0;
    result = tcpinfo_reader_columns(held.handle, &columns, &read);
    REQUIRE(result >= 0);
    REQUIRE((read == room || result == 0));
    for (std::size_t row = 0; row < read; ++row, ++done) {
      REQUIRE(done < times.size());
      CHECK(got_times[row] == times[done]);
      for (std::size_t i = 0; i < fields.size(); ++i) {
        CHECK(present[i * room + row] == (wanted[i][done].is_there ? 1 : 0));
        CHECK(values[i * room + row] == wanted[i][done].value);
      }
    }
  }
  CHECK(done == times.size());

  // What cannot be a column.
  std::size_t read = 9;
  for (const auto& [id, why] : {std::pair{field_id_of("cong"), TCPINFO_E_WRONG_TYPE},
                                std::pair{field_id_of("src"), TCPINFO_E_WRONG_TYPE},
                                std::pair{0xffffffffU, TCPINFO_E_UNKNOWN_FIELD}}) {
    fields.front() = id;
    CHECK(tcpinfo_reader_columns(held.handle, &columns, &read) == why);
  }
  columns.rows = 0;
  CHECK(tcpinfo_reader_columns(held.handle, &columns, &read) == TCPINFO_E_INVALID_ARGUMENT);
  columns.rows = room;
  columns.values = nullptr;
  CHECK(tcpinfo_reader_columns(held.handle, &columns, &read) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(read == 9);
}

TEST_CASE("C: rows before a fault are kept, and those behind it follow") {
  std::string text = golden("kernel618_1.jsonl");
  const std::size_t messages =
      static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) - 1;
  const std::size_t third = text.find('\n', text.find('\n') + 1) + 1;
  text.insert(third, "nonsense\n");
  const std::uint32_t field = field_id_of("rtt_us");
  std::vector<std::uint64_t> values(messages);
  std::vector<std::uint8_t> present(messages);
  tcpinfo_columns columns;
  TCPINFO_INIT(columns);
  columns.rows = messages;
  columns.fields = &field;
  columns.field_count = 1;
  columns.values = values.data();
  columns.present = present.data();
  const held_reader held(text);
  std::size_t read = 0;
  CHECK(tcpinfo_reader_columns(held.handle, &columns, &read) == TCPINFO_E_BAD_JSON);
  CHECK(read == 1);
  CHECK(tcpinfo_reader_line(held.handle, nullptr, nullptr) == 3);
  CHECK(tcpinfo_reader_columns(held.handle, &columns, &read) == 0);
  CHECK(read == messages - 1);
}

TEST_CASE("C: an archive of the other byte order says so") {
  const bool big = std::endian::native == std::endian::big;
  std::string text = golden("kernel618_1.jsonl");
  if (!big) {
    const std::size_t at = text.find("\"StartTime\"");
    REQUIRE(at != std::string::npos);
    text.insert(at, "\"ByteOrder\":\"big\",");
  }
  const held_reader held(text);
  tcpinfo_record c = new_record();
  REQUIRE(tcpinfo_reader_next(held.handle, &c) == 1);
  REQUIRE(c.metadata != nullptr);
  CHECK(c.metadata->byte_order == std::string_view(big ? "little" : "big"));
  CHECK((c.flags & TCPINFO_RECORD_FOREIGN) != 0);
  const std::uint32_t field = field_id_of("rtt_us");
  std::uint64_t value = 0;
  std::uint8_t present = 0;
  tcpinfo_columns columns;
  TCPINFO_INIT(columns);
  columns.rows = 1;
  columns.fields = &field;
  columns.field_count = 1;
  columns.values = &value;
  columns.present = &present;
  std::size_t read = 5;
  CHECK(tcpinfo_reader_columns(held.handle, &columns, &read) == TCPINFO_E_FOREIGN_BYTE_ORDER);
  CHECK(read == 0);
}

TEST_CASE("C: a writer refuses what is no record, and goes on") {
  const scratch_folder folder;
  const std::string path = folder / "a.jsonl.zst";
  tcpinfo_writer* writer = nullptr;
  tcpinfo_writer_options options;
  TCPINFO_INIT(options);
  options.level = 99;
  CHECK(tcpinfo_writer_open(&writer, path.c_str(), &options) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK_FALSE(std::filesystem::exists(path));
  REQUIRE(tcpinfo_writer_open(&writer, path.c_str(), nullptr) == 0);
  tcpinfo_writer* second = nullptr;
  CHECK(tcpinfo_writer_open(&second, path.c_str(), nullptr) == -EEXIST);

  made_socket made;
  const message m = made.view();
  tcpinfo_record c = new_record();
  CHECK(tcpinfo_writer_write(writer, &c) == TCPINFO_E_INVALID_ARGUMENT);
  c.message = {m.bytes.data(), 71};
  CHECK(tcpinfo_writer_write(writer, &c) == TCPINFO_E_MESSAGE_TOO_SHORT);
  c.message.length = m.bytes.size();
  c.time.seconds = 1'000'000'000'000;
  CHECK(tcpinfo_writer_write(writer, &c) == TCPINFO_E_BAD_TIMESTAMP);
  tcpinfo_metadata told;
  TCPINFO_INIT(told);
  told.uuid = "host_1_0000000000000001";
  told.byte_order = "middle";
  c.metadata = &told;
  CHECK(tcpinfo_writer_write(writer, &c) == TCPINFO_E_INVALID_ARGUMENT);
  c.message = {};
  CHECK(tcpinfo_writer_write(writer, &c) == TCPINFO_E_INVALID_ARGUMENT);
  told.byte_order = nullptr;
  told.opened = {1'700'000'000, 5, 0};
  told.policy = "finals-only";
  told.cgroup = "/a.slice";
  told.owner = "iter";
  told.pid = "12";
  told.comm = "b";
  told.executable = "/bin/b";
  REQUIRE(tcpinfo_writer_write(writer, &c) == 0);
  c = new_record();
  c.message = {m.bytes.data(), m.bytes.size()};
  c.time = {1'700'000'000, 123, 0};
  c.ended = {1'700'000'001, 0, 0};
  c.carried = attribute_bit(attribute_type::cong);
  c.thinned = 12;
  c.poll = 9;
  c.flags = TCPINFO_RECORD_HAS_POLL;
  REQUIRE(tcpinfo_writer_write(writer, &c) == 0);
  REQUIRE(tcpinfo_writer_close(writer) == 0);

  tcpinfo_reader* reader = nullptr;
  REQUIRE(tcpinfo_reader_open_path(&reader, path.c_str(), nullptr) == 0);
  tcpinfo_record r = new_record();
  REQUIRE(tcpinfo_reader_next(reader, &r) == 1);
  REQUIRE(r.metadata != nullptr);
  CHECK(r.metadata->uuid == std::string_view(told.uuid));
  CHECK(r.metadata->opened.nanoseconds == 5);
  CHECK(r.metadata->host == nullptr);
  CHECK(r.metadata->policy == std::string_view(told.policy));
  CHECK(r.metadata->cgroup == std::string_view(told.cgroup));
  CHECK(r.metadata->owner == std::string_view(told.owner));
  CHECK(r.metadata->pid == std::string_view(told.pid));
  CHECK(r.metadata->comm == std::string_view(told.comm));
  CHECK(r.metadata->executable == std::string_view(told.executable));
  REQUIRE(tcpinfo_reader_next(reader, &r) == 1);
  CHECK(r.metadata == nullptr);
  CHECK(r.time.nanoseconds == 123);
  CHECK(r.ended.seconds == 1'700'000'001);
  CHECK(r.carried == c.carried);
  CHECK(r.thinned == 12);
  CHECK(r.poll == 9);
  CHECK(r.message.length == m.bytes.size());
  CHECK(tcpinfo_reader_next(reader, &r) == 0);
  CHECK(tcpinfo_reader_next(reader, &r) == 0);
  tcpinfo_reader_close(reader);
}

TEST_CASE("C: what could not be written is an error of every later call") {
  const scratch_folder folder;
  const std::string path = folder / "a.jsonl";
  tcpinfo_writer_options options;
  TCPINFO_INIT(options);
  options.plain = 1;
  options.frame_bytes = 1;
  tcpinfo_writer* writer = nullptr;
  REQUIRE(tcpinfo_writer_open(&writer, path.c_str(), &options) == 0);
  made_socket made;
  const message m = made.view();
  tcpinfo_record c = new_record();
  c.message = {m.bytes.data(), m.bytes.size()};
  REQUIRE(tcpinfo_writer_write(writer, &c) == 0);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const int first = tcpinfo_writer_write(writer, &c);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(first == -EFBIG);
  CHECK(tcpinfo_writer_write(writer, &c) == -EFBIG);
  CHECK(tcpinfo_writer_close(writer) == -EFBIG);
  std::signal(SIGXFSZ, handler);
}

namespace {

struct event_server {
  scratch_folder folder;
  std::string path = folder / "events.sock";
  int listener = -1;
  int client = -1;

  event_server() {
    listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof name.sun_path);
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(::listen(listener, 1) == 0);
  }
  ~event_server() {
    ::close(listener);
    hang_up();
  }
  event_server(const event_server&) = delete;
  event_server& operator=(const event_server&) = delete;

  void accept() {
    client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(client >= 0);
  }
  void tell(std::string_view text) const {
    REQUIRE(::send(client, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  void hang_up() {
    if (client >= 0) ::close(client);
    client = -1;
  }
};

struct events_seen {
  std::vector<int> results;
  std::vector<std::string> uuids;
  tcpinfo_events* used = nullptr;
  int from_within = 0;
  std::size_t limit = 1000;

  static int take(void* user, int result, const tcpinfo_event* event) {
    auto& self = *static_cast<events_seen*>(user);
    self.results.push_back(result);
    if (event != nullptr && event->uuid != nullptr) self.uuids.emplace_back(event->uuid);
    tcpinfo_event other;
    TCPINFO_INIT(other);
    self.from_within = tcpinfo_events_next(self.used, &other);
    return self.results.size() == self.limit ? 1 : 0;
  }
};

}  // namespace

TEST_CASE("C: events are followed to the end of the stream") {
  event_server server;
  tcpinfo_events_options options;
  TCPINFO_INIT(options);
  options.nonblocking = 1;
  options.max_line = 400;
  tcpinfo_events* events = nullptr;
  REQUIRE(tcpinfo_events_connect(&events, server.path.c_str(), &options) == 0);
  server.accept();
  CHECK(tcpinfo_events_descriptor(events) >= 0);
  tcpinfo_event event{};
  CHECK(tcpinfo_events_next(events, &event) == TCPINFO_E_INVALID_ARGUMENT);
  TCPINFO_INIT(event);
  CHECK(tcpinfo_events_next(events, &event) == -EAGAIN);

  server.tell(
      R"({"Event":0,"Timestamp":"2026-11-22T10:26:01.000000007Z","UUID":"u_1","ID":{"SPort":5001,)"
      R"("DPort":43142,"SrcIP":"10.200.0.1","DstIP":"10.200.0.2","Interface":0,"Cookie":492341},)"
      R"("Cgroup":"/a","Owner":"io","Pid":"7","Comm":"b","Executable":"/c"})"
      "\nnonsense\n"
      R"({"Event":1,"Timestamp":"2026-11-22T10:26:02Z","UUID":"u_1","ID":null})"
      "\n");
  REQUIRE(tcpinfo_events_next(events, &event) == 1);
  CHECK(event.kind == TCPINFO_EVENT_OPENED);
  CHECK(event.time.nanoseconds == 7);
  CHECK(event.uuid == std::string_view("u_1"));
  REQUIRE(event.has_id == 1);
  CHECK(event.id.sport == 5001);
  CHECK(event.id.cookie == 492341);
  CHECK(event.id.src.family == AF_INET);
  CHECK(event.id.src.bytes[0] == 10);
  CHECK(event.id.src.bytes[4] == 0);
  CHECK(event.cgroup == std::string_view("/a"));
  CHECK(event.owner == std::string_view("io"));
  CHECK(event.pid == std::string_view("7"));
  CHECK(event.comm == std::string_view("b"));
  CHECK(event.executable == std::string_view("/c"));

  events_seen all;
  all.used = events;
  CHECK(tcpinfo_events_each(events, events_seen::take, &all) == -EAGAIN);
  CHECK(all.results == std::vector<int>{TCPINFO_E_BAD_JSON, 1});
  CHECK(all.uuids == std::vector<std::string>{"u_1"});
  CHECK(all.from_within == TCPINFO_E_BUSY);
  server.tell(
      "{\"Event\":1,\"Timestamp\":\"2026-11-22T10:26:02Z\",\"UUID\":\"u_2\",\"ID\":null}\n"
      "{\"Event\":1,\"Timestamp\":\"2026-11-22T10:26:02Z\",\"UUID\":\"u_3\",\"ID\":null}\n");
  all.limit = 3;
  CHECK(tcpinfo_events_each(events, events_seen::take, &all) == TCPINFO_E_STOPPED);
  server.tell(std::string(401, 'x') + "\n");
  server.hang_up();
  CHECK(tcpinfo_events_each(events, events_seen::take, &all) == 0);
  CHECK(all.results.back() == TCPINFO_E_LINE_TOO_LONG);
  CHECK(all.uuids == std::vector<std::string>{"u_1", "u_2", "u_3"});
  CHECK(tcpinfo_events_next(events, &event) == 0);
  tcpinfo_events_close(events);
}
