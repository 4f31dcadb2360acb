// SPDX-License-Identifier: Apache-2.0
//
// What a publisher sends of an output directory that grows, after faults, ends and damage, and what
// retention leaves meanwhile.
#include "collect/publishing/publisher.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "collect/publishing/outlets/file_outlet.h"
#include "collect/publishing/publishers.h"
#include "collect/writing/retention.h"
#include "unit/collect/publishing/made_blocks.h"
#include "unit/collect/run.h"

namespace {

const std::string stem = "host.example.20260131T120000Z-3";
const std::string run_text = "host.example/20260131T120000Z-3";

// Remembers what came, and fails when told to.
struct server {
  std::vector<std::string> ids;
  std::vector<std::string> keys;
  std::string bytes;
  int faults = 0;              // so many tries fail
  int lost_answers = 0;        // so many arrive, and are not acknowledged
  std::string too_large = {};  // a block with these bytes is
  std::size_t largest_batch = 0;
};

class fake_outlet final : public block_outlet {
 public:
  explicit fake_outlet(server& to) : to_(to) {}
  [[nodiscard]] send_result send_blocks(const block_batch& batch, const may_wait&) override {
    if (to_.faults > 0) {
      --to_.faults;
      return {.fault = "away"};
    }
    to_.largest_batch = std::max(to_.largest_batch, batch.bytes.size());
    send_result result;
    for (std::size_t i = 0; i < batch.blocks.size(); ++i) {
      const auto& block = batch.blocks[i];
      const bytes_view bytes = batch.bytes_of(block);
      if (std::ranges::equal(bytes, std::as_bytes(std::span(to_.too_large)))) {
        result.too_large.push_back(i);
        continue;
      }
      to_.ids.push_back(block.id);
      to_.keys.push_back(batch.key_of(block));
      to_.bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    if (to_.lost_answers > 0) {
      --to_.lost_answers;
      return {.fault = "no answer"};
    }
    result.all = true;
    return result;
  }

 private:
  server& to_;
};

struct output_directory {
  scratch_directory scratch;
  fs::path output = scratch.path() / "out";
  std::unique_ptr<os> system = make_linux_os({output.string(), 0640});
  publish_url blocks{.how = publish_by::nats, .name = "nats://a/b"};
  publish_url files{.how = publish_by::file,
                    .name = "file:" + (scratch.path() / "target").string(),
                    .path = (scratch.path() / "target").string()};

  output_directory() { fs::create_directories(output); }

  [[nodiscard]] static std::string name(int number, int writer = 0) {
    return "2026/01/31/" + stem + "." + std::to_string(writer) + ".0000" + std::to_string(number) +
           ".tcpseg.zst";
  }
  fs::path put(const std::string& path, const std::string& bytes) const {
    fs::create_directories((output / path).parent_path());
    std::ofstream(output / path, std::ios::binary) << bytes;
    return output / path;
  }
};

// A publisher as one run has it.
struct one_run {
  publish_counts counts;
  publisher p;
  one_run(output_directory& d, server& to)
      : counts(d.blocks.name),
        p(*d.system, d.output.string(), d.blocks, std::make_unique<fake_outlet>(to), counts) {
    REQUIRE_FALSE(p.open());
  }
  explicit one_run(output_directory& d)
      : counts(d.files.name),
        p(*d.system, d.output.string(), d.files,
          std::make_unique<file_outlet>(*d.system, d.files.path), counts) {
    REQUIRE_FALSE(p.open());
  }
};

std::string read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t different(std::vector<std::string> ids) {
  std::sort(ids.begin(), ids.end());
  return static_cast<std::size_t>(std::unique(ids.begin(), ids.end()) - ids.begin());
}

// A block with one summary each time.
struct summary_blocks {
  segment_writer writer;
  summary_blocks() { REQUIRE_FALSE(writer.create({})); }
  [[nodiscard]] std::string next() {
    const metadata about{.uuid = "u", .start_time = timestamp::from_unix_nanoseconds(1)};
    const summary_value one_record{.field = summary_records, .value = 1};
    segment_archive archive;
    archive.about = &about;
    archive.path = "a/b";
    segment_summary summary;
    summary.values = {&one_record, 1};
    REQUIRE_FALSE(writer.add_summary(archive, summary));
    bytes_view bytes;
    REQUIRE_FALSE(writer.flush_summaries(bytes));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

}  // namespace

TEST_CASE("blocks are sent as they are written, in order, each once") {
  output_directory d;
  server to;
  const made_blocks first(3);
  const made_blocks second(2, 100);
  one_run run(d, to);
  CHECK(run.p.look());
  CHECK(to.ids.empty());
  // A block and a half.
  const std::string part = d.name(0) + ".part";
  d.put(part, first.frames[0] + first.frames[1].substr(0, 30));
  CHECK(run.p.look());
  CHECK(to.bytes == first.frames[0]);
  CHECK(run.counts.lag_bytes == 30);
  d.put(part, first.all());
  CHECK(run.p.look());
  CHECK(to.bytes == first.all());
  CHECK(run.counts.lag_bytes == 0);
  // Completed, its index behind it, and followed by another one.
  d.put(part, first.all() + first.index);
  fs::rename(d.output / part, d.output / d.name(0));
  d.put(d.name(1) + ".part", second.frames[0]);
  CHECK(run.p.look());
  CHECK(to.bytes == first.all() + second.frames[0]);
  CHECK(run.p.has({stem, 0}, 0));
  CHECK_FALSE(run.p.has({stem, 0}, 1));
  CHECK(to.keys.front() == run_text + "/0");
  CHECK(to.ids.front().starts_with(run_text + "/0/0/0-"));
  CHECK(to.ids.back().starts_with(run_text + "/0/1/0-"));
  CHECK(different(to.ids) == 4);
  CHECK(run.counts.messages.get() == 4);
  CHECK(run.counts.resent.get() == 0);
}

TEST_CASE("what was not acknowledged is sent once more, with the same ids") {
  output_directory d;
  server to;
  const made_blocks made(5);
  d.put(d.name(0), made.all() + made.index);
  d.put(d.name(0, 1), made.all() + made.index);
  {
    one_run run(d, to);
    to.faults = 2;
    CHECK_FALSE(run.p.look());
    CHECK(to.ids.empty());
    CHECK(run.counts.faults.get() == 2);
    CHECK(run.counts.lag_bytes == 2 * (made.all() + made.index).size());
    to.lost_answers = 1;
    CHECK_FALSE(run.p.look());
    CHECK(to.ids.size() == 10);
    CHECK(run.p.look());
    CHECK(to.ids.size() == 15);
    CHECK(different(to.ids) == 10);
    CHECK(run.counts.resent.get() == 10);
  }
  // The next run knows that all of it came.
  one_run next(d, to);
  CHECK(next.p.look());
  CHECK(to.ids.size() == 15);
}

TEST_CASE("a run that ends before its cursor is written sends blocks again, and loses none") {
  output_directory d;
  server to;
  const made_blocks made(4);
  const std::string part = d.name(0) + ".part";
  d.put(part, made.frames[0] + made.frames[1]);
  {
    one_run run(d, to);
    CHECK(run.p.look());
  }
  const std::string cursor_path = cursor(*d.system, d.output.string(), d.blocks.name).path();
  const std::string kept = read_bytes(cursor_path);
  d.put(part, made.all());
  {
    one_run run(d, to);
    CHECK(run.p.look());
  }
  std::ofstream(cursor_path, std::ios::binary) << kept;  // as a power cut leaves it
  one_run run(d, to);
  CHECK(run.p.look());
  CHECK(to.ids.size() == 6);
  CHECK(different(to.ids) == 4);
  // And one that is no cursor at all.
  std::ofstream(cursor_path, std::ios::binary) << "rubbish";
  captured_errors said;
  one_run last(d, to);
  CHECK(last.p.look());
  CHECK(to.ids.size() == 10);
  CHECK(different(to.ids) == 4);
  CHECK(said.text().find("is damaged") != std::string::npos);
}

TEST_CASE("a segment that was written anew meanwhile is sent from its beginning") {
  output_directory d;
  server to;
  const made_blocks made(6);
  const std::string part = d.name(0) + ".part";
  d.put(part, made.frames[0] + made.frames[1] + made.frames[2]);
  {
    one_run run(d, to);
    CHECK(run.p.look());
  }
  fs::remove(d.output / part);
  const made_blocks joined(2, 1000);
  d.put(d.name(0), joined.all() + joined.index);
  to.bytes.clear();
  one_run run(d, to);
  CHECK(run.p.look());
  CHECK(to.bytes == joined.all());
  // Their ids are no earlier ones.
  CHECK(different(to.ids) == 5);
}

TEST_CASE("damage costs what is damaged, and a file that is gone is counted") {
  output_directory d;
  server to;
  const made_blocks made(3);
  d.put(d.name(0), made.frames[0] + "rubbish" + made.frames[2]);
  d.put(d.name(1), made.frames[0] + made.frames[1].substr(0, 20));
  d.put(d.name(2), made.all());
  one_run run(d, to);
  CHECK(run.p.look());
  CHECK(to.bytes == made.frames[0] + made.frames[2] + made.frames[0] + made.all());
  CHECK(run.counts.damaged.get() == 2);
  CHECK(run.p.has({stem, 0}, 2));
  CHECK(run.counts.gone.get() == 0);
  to.bytes.clear();
  to.faults = 1;
  d.put(d.name(5), made.all());
  captured_errors said;
  CHECK_FALSE(run.p.look());
  CHECK(run.p.look());
  CHECK(to.bytes == made.all());
  CHECK(run.counts.gone.get() == 2);
  CHECK(said.text().find("segments 3 to 4 of " + run_text + "/0 were removed") !=
        std::string::npos);
}

TEST_CASE("rows are sent in place of the blocks that they are made of") {
  output_directory d;
  server to;
  // Two rows of each block of summaries, which is damaged when told.
  struct made_rows final : connection_rows {
    bool* damaged;
    explicit made_rows(bool* what) : damaged(what) {}
    [[nodiscard]] std::error_code make(bytes_view block, std::size_t from,
                                       const taker& take) override {
      CHECK(from == 0);
      if (std::exchange(*damaged, false)) return errc::bad_block;
      CHECK(take("one", std::to_string(block.size())));
      CHECK(take("two", "{}"));
      return {};
    }
  };
  summary_blocks summaries;
  const std::string first = summaries.next();
  const std::string second = summaries.next();
  const made_blocks records(1, 100);
  d.put(d.name(0), records.all() + first + second);
  bool damaged = false;
  publish_counts counts(d.blocks.name);
  publisher p(*d.system, d.output.string(), d.blocks, std::make_unique<fake_outlet>(to), counts,
              std::make_unique<made_rows>(&damaged));
  REQUIRE_FALSE(p.open());
  to.lost_answers = 1;
  CHECK_FALSE(p.look());
  CHECK(p.look());
  CHECK(to.bytes == std::to_string(first.size()) + "{}" + std::to_string(second.size()) + "{}" +
                        std::to_string(first.size()) + "{}" + std::to_string(second.size()) + "{}");
  REQUIRE(to.keys.size() == 8);
  CHECK(to.keys[0] == "one");
  CHECK(to.keys[1] == "two");
  CHECK(to.ids[0] == "one/" + run_text + "/0/0/0/0");
  CHECK(to.ids[3] == "two/" + run_text + "/0/0/1/1");
  CHECK(different(to.ids) == 4);
  CHECK(counts.messages.get() == 4);
  CHECK(p.has({stem, 0}, 0));
  damaged = true;
  d.put(d.name(1), first);
  CHECK(p.look());
  CHECK(counts.damaged.get() == 1);
  CHECK(p.has({stem, 0}, 1));
}

TEST_CASE("many rows of one block go in several batches") {
  output_directory d;
  server to;
  constexpr std::size_t rows = 10;
  constexpr std::size_t row_bytes = std::size_t{1} << 20;
  struct made_rows final : connection_rows {
    [[nodiscard]] std::error_code make(bytes_view, std::size_t from, const taker& take) override {
      const std::string row(row_bytes, 'x');
      while (from < rows && take(std::to_string(from), row)) ++from;
      return {};
    }
  };
  summary_blocks summaries;
  const std::string first = summaries.next();
  d.put(d.name(0), first + summaries.next());
  publish_counts counts(d.blocks.name);
  publisher p(*d.system, d.output.string(), d.blocks, std::make_unique<fake_outlet>(to), counts,
              std::make_unique<made_rows>());
  REQUIRE_FALSE(p.open());
  to.lost_answers = 1;
  CHECK_FALSE(p.look());
  CHECK(to.ids.size() < rows);
  to.ids.clear();
  CHECK(p.look());
  CHECK(to.largest_batch < 6 * row_bytes);
  REQUIRE(to.ids.size() == 2 * rows);
  for (std::size_t i = 0; i < to.ids.size(); ++i) {
    const std::string n = std::to_string(i % rows);
    CHECK(to.ids[i] == n + "/" + run_text + "/0/0/" + std::to_string(i / rows) + "/" + n);
  }
  CHECK(counts.messages.get() == 2 * rows);
  CHECK(p.has({stem, 0}, 0));
}

TEST_CASE("a segment that the disk does not give keeps others waiting for five tries") {
  output_directory d;
  scripted_kernel kernel;
  auto scripted = std::make_unique<scripted_os>(kernel);
  scripted_os& system = *scripted;
  d.system = std::move(scripted);
  const made_blocks made(2);
  for (int i = 0; i < 3; ++i) d.put(d.name(i), made.all() + made.index);
  const std::string bad = (d.output / d.name(1)).string();
  // Reading there fails with EIO.
  const auto break_it = [&] {
    system.before_deed = [&](std::string_view deed, const std::string& path) {
      system.open_instead = nullptr;
      if (deed == "open" && path == bad)
        system.open_instead = [](int& fd) { fd = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC); };
      return std::error_code();
    };
  };
  const auto mend_it = [&] {
    system.before_deed = nullptr;
    system.open_instead = nullptr;
  };
  captured_errors said;
  SECTION("of blocks") {
    server to;
    break_it();
    {
      one_run run(d, to);
      for (int i = 0; i < 4; ++i) CHECK_FALSE(run.p.look());
      CHECK(to.bytes == made.all());
      CHECK(run.counts.unreadable.get() == 0);
      CHECK(run.p.look());
      CHECK(to.bytes == made.all() + made.all());
      CHECK(run.p.look());
      CHECK(run.counts.unreadable.get() == 1);
      CHECK(run.counts.faults.get() == 5);
      CHECK(run.p.has({stem, 0}, 0));
      CHECK_FALSE(run.p.has({stem, 0}, 1));
      CHECK(run.p.has({stem, 0}, 2));
      CHECK(run.counts.lag_bytes == fs::file_size(bad));
    }
    CHECK(said.text().find("segment 1 of " + run_text + "/0 cannot be read") != std::string::npos);
    // The next start tries again.
    {
      one_run run(d, to);
      CHECK_FALSE(run.p.look());
      CHECK_FALSE(run.p.has({stem, 0}, 1));
    }
    mend_it();
    {
      one_run run(d, to);
      CHECK(run.p.look());
      CHECK(to.bytes == made.all() + made.all() + made.all());
      CHECK(to.ids.back().starts_with(run_text + "/0/1/1-"));
      CHECK(run.p.has({stem, 0}, 1));
      CHECK(run.counts.lag_bytes == 0);
    }
    one_run run(d, to);
    CHECK(run.p.look());
    CHECK(to.ids.size() == 6);
  }
  SECTION("of whole segments") {
    break_it();
    {
      one_run run(d);
      for (int i = 0; i < 4; ++i) CHECK_FALSE(run.p.look());
      CHECK(run.p.look());
      CHECK(run.counts.unreadable.get() == 1);
      CHECK(fs::exists(fs::path(d.files.path) / d.name(2)));
      CHECK_FALSE(fs::exists(fs::path(d.files.path) / d.name(1)));
    }
    mend_it();
    one_run run(d);
    CHECK(run.p.look());
    CHECK(fs::exists(fs::path(d.files.path) / d.name(1)));
    CHECK(run.p.has({stem, 0}, 1));
  }
  SECTION("and is removed") {
    server to;
    break_it();
    one_run run(d, to);
    for (int i = 0; i < 5; ++i) (void)run.p.look();
    fs::remove(bad);
    CHECK(run.p.look());
    CHECK(run.counts.gone.get() == 1);
    CHECK(run.p.look());
    CHECK(run.counts.gone.get() == 1);
  }
}

TEST_CASE("segments of a run that are all removed before they were sent are counted") {
  output_directory d;
  server to;
  const made_blocks made(1);
  one_run run(d, to);
  captured_errors said;
  for (int i = 2; i < 5; ++i) d.put(d.name(i), made.all() + made.index);
  to.faults = 2;
  CHECK_FALSE(run.p.look());
  // The first of them, that none before was sent of.
  fs::remove(d.output / d.name(2));
  CHECK_FALSE(run.p.look());
  CHECK(run.counts.gone.get() == 1);
  fs::remove(d.output / d.name(3));
  fs::remove(d.output / d.name(4));
  CHECK(run.p.look());
  CHECK(run.counts.gone.get() == 3);
  CHECK(said.text().find("segments 3 to 4 of " + run_text + "/0 were removed") !=
        std::string::npos);
  // What was sent is no loss.
  d.put(d.name(0, 1), made.all() + made.index);
  CHECK(run.p.look());
  fs::remove(d.output / d.name(0, 1));
  CHECK(run.p.look());
  CHECK(run.counts.gone.get() == 3);
}

TEST_CASE("a file of other content at the target is not replaced") {
  output_directory d;
  const made_blocks made(1);
  const std::string all = made.all() + made.index;
  const fs::path there = fs::path(d.files.path) / d.name(0);
  fs::create_directories(there.parent_path());
  const std::string other = "Z" + all.substr(1);
  std::ofstream(there, std::ios::binary) << other;
  d.put(d.name(0), all);
  {
    one_run run(d);
    CHECK(run.p.look());
    CHECK(run.counts.duplicates.get() == 0);
    fs::remove(run.p.cursor_path());
  }
  CHECK(read_bytes(there) == other);
  const fs::path apart = there.parent_path() / (stem + ".0.00000~2.tcpseg.zst");
  CHECK(read_bytes(apart) == all);
  // Known the next time.
  one_run run(d);
  CHECK(run.p.look());
  CHECK(run.counts.duplicates.get() == 1);
  CHECK(std::distance(fs::directory_iterator(there.parent_path()), {}) == 2);
}

TEST_CASE("a block that the target never takes is passed over once, counted and said") {
  output_directory d;
  server to;
  const made_blocks made(3);
  to.too_large = made.frames[1];
  to.lost_answers = 1;
  d.put(d.name(0), made.all() + made.index);
  one_run run(d, to);
  captured_errors said;
  CHECK_FALSE(run.p.look());
  CHECK(run.counts.too_large.get() == 0);
  to.bytes.clear();
  CHECK(run.p.look());
  CHECK(to.bytes == made.frames[0] + made.frames[2]);
  CHECK(run.counts.too_large.get() == 1);
  CHECK(run.counts.messages.get() == 2);
  CHECK(run.counts.bytes.get() == to.bytes.size());
  CHECK(run.p.has({stem, 0}, 0));
  CHECK(said.text().find("does not take block " + run_text + "/0/0/1-") != std::string::npos);
}

TEST_CASE("whole segments are copied once they are complete, and go on where a try has ended") {
  output_directory d;
  const made_blocks made(3);
  const std::string all = made.all() + made.index;
  const fs::path target = d.files.path;
  one_run run(d);
  d.put(d.name(0) + ".part", made.all());
  CHECK(run.p.look());
  CHECK_FALSE(fs::exists(target));
  fs::rename(d.output / (d.name(0) + ".part"), d.output / d.name(0));
  d.put(d.name(0), all);
  // A former try left some of it, with an end that is wrong.
  fs::create_directories((target / d.name(0)).parent_path());
  std::ofstream(target / (d.name(0) + ".part"), std::ios::binary)
      << all.substr(0, 50) << std::string(20, '\0');
  CHECK(run.p.look());
  CHECK(read_bytes(target / d.name(0)) == all);
  CHECK_FALSE(fs::exists(target / (d.name(0) + ".part")));
  CHECK(run.counts.messages.get() == 1);
  CHECK(run.counts.duplicates.get() == 0);
  // Without its cursor the next run finds it there.
  fs::remove(run.p.cursor_path());
  one_run next(d);
  CHECK(next.p.look());
  CHECK(next.counts.duplicates.get() == 1);
  // A power cut left the name alone of what a try had begun.
  d.put(d.name(0, 1), all);
  std::ofstream(target / (d.name(0, 1) + ".part"), std::ios::binary).flush();
  CHECK(next.p.look());
  CHECK(read_bytes(target / d.name(0, 1)) == all);
  // A target that cannot be written to: tried again.
  d.put(d.name(1), all);
  fs::remove_all(target);
  std::ofstream(target) << "no folder";
  captured_errors said;
  CHECK_FALSE(next.p.look());
  CHECK(next.counts.faults.get() == 1);
  CHECK(said.text().find("cannot send to file:") != std::string::npos);
  fs::remove(target);
  CHECK(next.p.look());
  CHECK(read_bytes(target / d.name(1)) == all);
}

TEST_CASE("a copy is acknowledged once its name is on stable storage, whoever has made it") {
  const scratch_directory scratch;
  scripted_kernel kernel;
  scripted_os system(kernel);
  const std::string path = (scratch.path() / "a").string();
  const std::string target = (scratch.path() / "target").string();
  std::ofstream(path) << "content";
  descriptor file;
  REQUIRE_FALSE(system.open_read(path, file));
  const whole_segment segment{path, "2026/01/31/a", "id", file.get(), 7};
  file_outlet to(system, target);
  const may_wait may = [] { return true; };
  system.before_deed = [](std::string_view deed, const std::string&) {
    return deed == "sync_file_system" ? std::error_code(EIO, std::system_category())
                                      : std::error_code();
  };
  for (int tries = 0; tries < 2; ++tries) {
    CHECK_FALSE(to.send_segment(segment, may).all);
    CHECK(read_bytes(target + "/2026/01/31/a") == "content");
  }
  system.before_deed = nullptr;
  const send_result result = to.send_segment(segment, may);
  CHECK(result.all);
  CHECK(result.duplicates == 1);
}

TEST_CASE("retention leaves what is not acknowledged, unless the disk forces it") {
  output_directory d;
  const std::string bytes(100'000, 'x');
  const fs::path old = d.put(d.name(0), bytes);
  const fs::path second = d.put(d.name(1), bytes);
  const fs::path third = d.put(d.name(2), bytes);
  publishers targets(*d.system, d.output.string());
  REQUIRE(targets.add(d.files).empty());
  std::string path;
  {
    cursor at(*d.system, d.output.string(), d.files.name);
    REQUIRE_FALSE(at.save({{{stem, 0}, {1, 0, 0}}}));
  }
  REQUIRE_FALSE(targets.open(path));
  CHECK_FALSE(targets.is_unsent(old.string()));
  CHECK(targets.is_unsent(second.string()));
  CHECK(targets.is_unsent((d.output / d.name(0, 1)).string()));
  CHECK_FALSE(targets.is_unsent((d.output / "2026/01/31/notes.txt").string()));

  statistics counts;
  captured_errors said;
  for (const fs::path& one : {old, second, third})
    fs::last_write_time(one, fs::file_time_type::clock::now() - std::chrono::hours(100));
  retention(*d.system, counts, d.output.string(), {.max_age_ns = 60'000'000'000}, &targets).look();
  CHECK_FALSE(fs::exists(old));
  CHECK(fs::exists(second));
  CHECK(counts.retention_files_unsent.get() == 0);
  retention(*d.system, counts, d.output.string(), {.max_disk = 150'000}, &targets).look();
  CHECK(fs::exists(second) != fs::exists(third));
  CHECK(counts.retention_files_unsent.get() == 1);
  CHECK(said.text().find("though not all targets") != std::string::npos);
}

TEST_CASE("a publisher's thread sends what is there at the end") {
  output_directory d;
  const made_blocks made(2);
  d.put(d.name(0), made.all() + made.index);
  publishers targets(*d.system, d.output.string());
  REQUIRE(targets.add(d.files).empty());
  std::string path;
  REQUIRE_FALSE(targets.open(path));
  REQUIRE_FALSE(targets.start());
  targets.finish();
  CHECK(read_bytes(fs::path(d.files.path) / d.name(0)) == made.all() + made.index);
  CHECK(targets.counts().front().messages.get() == 1);
}

TEST_CASE("what a publisher's thread could not send until the end is said") {
  output_directory d;
  const made_blocks made(2);
  const std::string all = made.all() + made.index;
  d.put(d.name(0), all);
  std::ofstream(d.files.path) << "no folder";
  publishers targets(*d.system, d.output.string());
  REQUIRE(targets.add(d.files).empty());
  std::string path;
  REQUIRE_FALSE(targets.open(path));
  captured_errors said;
  REQUIRE_FALSE(targets.start());
  targets.finish();
  CHECK(said.text().find(": not all is sent: " + std::to_string(all.size()) + " bytes are left") !=
        std::string::npos);
}
