// SPDX-License-Identifier: Apache-2.0
//
// What a former run left: torn and damaged files, names that are taken, crashes between any two
// deeds.
#include "collect/writing/salvage.h"

#include <chrono>
#include <map>
#include <thread>

#include "unit/collect/writing/finalizer_bench.h"

TEST_CASE(
    "a crash, or a fault, between any two deeds for a damaged leftover loses no frame of it") {
  const std::string good = frame(lines(0, 50)) + frame(lines(50, 50));
  const std::string bytes = good + "no frame";
  for (const bool crash : {true, false}) {
    for (int at = 0;; ++at) {
      INFO((crash ? "crash at " : "fault at ") << at);
      finalizer_bench b;
      statistics counts;
      put(b.part(0), bytes);
      int deeds = 0;
      b.system.before_deed = [&](std::string_view, const std::string&) {
        const int n = deeds++;
        return crash ? (n >= at ? broken : ok) : (n == at ? broken : ok);
      };
      b.finalize_all(counts, {{.path = b.part(0), .leftover = true}});
      b.system.before_deed = nullptr;
      CHECK(fs::exists(b.part(0)) != fs::exists(b.damaged(0)));
      if (fs::exists(b.damaged(0))) CHECK(bytes_of(b.complete(0)) == good);
      if (crash) {
        statistics later;
        b.start_again(later);
        CHECK(later.lost_files.get() == 0);
      } else {
        CHECK(counts.lost_files.get() == 0);
        CHECK(counts.set_aside.get() == 1);
        CHECK(counts.files_finalized.get() == 1);
      }
      CHECK(b.files() ==
            std::map<std::string, std::string>{{b.complete(0), good}, {b.damaged(0), bytes}});
      if (deeds <= at) break;
    }
  }
}

TEST_CASE("the frames of a damaged leftover are durable before it is set aside") {
  finalizer_bench b;
  statistics counts;
  put(b.part(0), frame(lines(0, 50)) + "no frame");
  std::vector<std::string> deeds;
  b.system.before_deed = [&](std::string_view deed, const std::string& path) {
    if (deed == "sync" || deed == "rename_new" || deed == "replace")
      deeds.push_back(std::string(deed) + " " + path);
    return ok;
  };
  b.finalize_all(counts, {{.path = b.part(0), .leftover = true}});
  CHECK(deeds == std::vector<std::string>{"sync " + b.copy(0), "rename_new " + b.copy(0),
                                          "rename_new " + b.part(0)});
}

TEST_CASE("a leftover whose complete name is taken is not tried for ever, and nothing is lost") {
  const std::string good = frame(lines(0, 50)) + frame(lines(50, 50));
  const std::string in_one = frame(lines(0, 100));
  finalizer_bench b;
  const auto resolve = [&](statistics& counts) { b.start_again(counts); };
  using files = std::map<std::string, std::string>;

  SECTION("both are one file: a crash came between link and unlink") {
    put(b.part(0), good);
    fs::create_hard_link(b.part(0), b.complete(0));
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), good}});
    CHECK(counts.set_aside.get() == 0);
    CHECK(counts.lost_files.get() == 0);
  }
  SECTION("the complete file holds the same, in other frames") {
    put(b.part(0), good);
    put(b.complete(0), in_one);
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), in_one}});
    CHECK(counts.set_aside.get() == 0);
    CHECK(counts.lost_files.get() == 0);
  }
  SECTION("it holds the same, and the leftover is damaged or torn") {
    for (const std::string& tail : {std::string("no frame"), good.substr(0, 9)}) {
      fs::remove(b.damaged(0));
      put(b.part(0), good + tail);
      put(b.complete(0), in_one);
      statistics counts;
      resolve(counts);
      CHECK(b.files() == files{{b.complete(0), in_one}, {b.damaged(0), good + tail}});
      CHECK(counts.set_aside.get() == 1);
      CHECK(counts.lost_files.get() == 0);
    }
  }
  SECTION("it holds something else") {
    for (const std::string& other :
         {frame(lines(0, 99)), frame(lines(0, 101)), frame(lines(1, 100)), std::string(),
          std::string("text\n"), in_one + "x", in_one.substr(0, in_one.size() - 1),
          lines(0, 100)}) {
      INFO(other.size());
      fs::remove(b.damaged(0));
      put(b.part(0), good);
      put(b.complete(0), other);
      statistics counts;
      resolve(counts);
      CHECK(b.files() == files{{b.complete(0), other}, {b.damaged(0), good}});
      CHECK(counts.set_aside.get() == 1);
      CHECK(counts.lost_files.get() == 1);
    }
  }
  SECTION("something else stands under the name of damaged ones, too") {
    put(b.complete(0), in_one);
    put(b.damaged(0), "earlier");
    put(b.part(0), good + "no frame");
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), in_one},
                             {b.damaged(0), "earlier"},
                             {b.damaged(0) + ".2", good + "no frame"}});
    CHECK(counts.set_aside.get() == 1);
  }
  SECTION("setting aside was cut short between link and unlink") {
    put(b.complete(0), in_one);
    put(b.part(0), good + "no frame");
    fs::create_hard_link(b.part(0), b.damaged(0));
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), in_one}, {b.damaged(0), good + "no frame"}});
    CHECK(counts.set_aside.get() == 1);
  }
  SECTION("a symbolic link stands there") {
    fs::create_symlink("/dev/zero", b.complete(0));
    put(b.part(0), good);
    statistics counts;
    resolve(counts);
    CHECK(fs::is_symlink(b.complete(0)));
    CHECK_FALSE(fs::exists(b.part(0)));
    CHECK(bytes_of(b.damaged(0)) == good);
  }
  SECTION("it is taken while a file of this run is completed") {
    const part_file job = b.write(0, 2);
    const std::string bytes = bytes_of(job.path);
    put(b.complete(0), in_one);
    statistics counts;
    b.finalize_all(counts, {job});
    CHECK(b.files() == files{{b.complete(0), in_one}, {b.damaged(0), bytes}});
    CHECK(counts.set_aside.get() == 1);
    CHECK(counts.lost_files.get() == 1);
  }
}

TEST_CASE("a start after a crash says what it found in a few lines") {
  finalizer_bench b;
  statistics counts;
  const said log(b.scratch);
  finalizer c(b.system, counts, b.output, 3);
  REQUIRE_FALSE(c.start());
  // As many batches, so far as the threads' turns make them.
  for (int i = 10; i < 60; ++i) {
    (void)b.write(i, 1);
    put(b.part(i), bytes_of(b.part(i)) + "no frame");
    c.add({.path = b.part(i), .leftover = true});
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!fs::exists(b.damaged(i)) && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  c.finish();
  CHECK(counts.set_aside.get() == 50);
  CHECK(counts.leftovers_finalized.get() == 50);
  CHECK(log.with("it is kept as").size() == 1);
  const auto completed = log.with("leftover files");
  CHECK(completed.size() <= 2);
  int sum = 0;
  for (const std::string& line : completed)
    sum += std::stoi(line.substr(line.find("completed ") + 10));
  CHECK(sum == 50);
}
