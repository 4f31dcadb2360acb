// SPDX-License-Identifier: Apache-2.0
//
// Whose connections are: texts of /proc, and what is told of an owner.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "collect/owners/cgroup_paths.h"
#include "collect/owners/owner_book.h"
#include "collect/owners/process_facts.h"
#include "collect/owners/socket_holders.h"
#include "unit/catch.h"
#include "unit/collect/owners/given_owners.h"

#include <sys/socket.h>
#include <sys/stat.h>

using namespace tcpinfo;
using namespace tcpinfo::collect;

namespace {

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

process_owner this_process(owner_found how) {
  process_owner owner;
  owner.how = how;
  owner.pid = static_cast<std::uint32_t>(::getpid());
  owner.comm = "as told";
  const auto tick_ns = 1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  owner.start_ns = start_ticks_of(text_of("/proc/self/stat")) * tick_ns;
  return owner;
}

}  // namespace

TEST_CASE("the control group of a process is the one that says most") {
  CHECK(cgroup_of("0::/system.slice/a.service\n") == "/system.slice/a.service");
  CHECK(cgroup_of("0::/\n") == "/");
  CHECK(cgroup_of("").empty());
  CHECK(cgroup_of("nothing\n::\n1:cpu:relative\n").empty());
  // Hybrid: version 2 has no more than the root.
  const std::string hybrid =
      "12:cpuset:/\n5:memory:/docker/ab\n1:name=systemd:/docker/ab/init.scope\n0::/\n";
  CHECK(cgroup_of(hybrid) == "/docker/ab/init.scope");
  CHECK(cgroup_of("4:memory:/a:b\n2:cpu,cpuacct:/c\n0::/\n") == "/a:b");
  CHECK(cgroup_of("4:memory:/a\n0::/b") == "/b");
}

TEST_CASE("when a process began stands behind its name, whatever that is") {
  const std::string rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12345 20 21\n";
  CHECK(start_ticks_of("7 (a)" + rest) == 12345);
  CHECK(start_ticks_of("7 (a) b) (1 2 3)" + rest) == 12345);
  CHECK(start_ticks_of("") == 0);
  CHECK(start_ticks_of("7 (a)") == 0);
  CHECK(start_ticks_of("7 (a) S 1") == 0);
}

TEST_CASE("where control groups are mounted stands in mountinfo") {
  CHECK(
      find_cgroup_mount("25 1 0:23 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n") ==
      "/sys/fs/cgroup");
  CHECK(find_cgroup_mount("30 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                          "31 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 none rw") ==
        "/sys/fs/cgroup/unified");
  CHECK(find_cgroup_mount("30 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n").empty());
  CHECK(find_cgroup_mount("").empty());
}

TEST_CASE("names of control groups can be told without the addresses in them") {
  for (const auto& [path, told] : std::map<std::string, std::string>{
           {"/system.slice/system-sshd.slice/sshd@0-10.0.0.1:22-192.0.2.77:51514.service",
            "/system.slice/system-sshd.slice/sshd@.service"},
           {"/a@1-[::1]:2-[::1]:3.service/b", "/a@.service/b"},
           {"/user.slice/user@1000.service", "/user.slice/user@1000.service"},
           {"/a:b/c@d", "/a:b/c@d"},
           {"/", "/"},
           {"", ""}})
    CHECK(without_addresses(path) == told);
}

TEST_CASE("a process is itself only if it began when it should") {
  const process_owner own = this_process(owner_found::connect);
  const process_facts facts = facts_of(own.pid, own.start_ns);
  CHECK(facts.found);
  CHECK(facts.executable == std::filesystem::read_symlink("/proc/self/exe").string());
  CHECK(facts.cgroup == cgroup_of(text_of("/proc/self/cgroup")));
  CHECK(facts.comm + "\n" == text_of("/proc/self/comm"));
  CHECK(facts_of(own.pid, 0).found);
  CHECK_FALSE(facts_of(own.pid, own.start_ns + 1'000'000'000).found);
  CHECK_FALSE(facts_of(0xffff'fff0, 0).found);
}

TEST_CASE("a file of /proc that cannot be read to its end says nothing, and throws nothing") {
  CHECK(proc_text("/proc/self/stat").starts_with(std::to_string(::getpid())));
  // Opened, and then refused, as those of a process that has ended in between: EISDIR, EIO.
  CHECK(proc_text("/proc/self").empty());
  CHECK(proc_text("/proc/self/mem").empty());
  CHECK(proc_text("/proc/no such file").empty());
}

TEST_CASE("the holder of a socket is found in /proc") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  struct ::stat about {};
  REQUIRE(::fstat(fd, &about) == 0);
  const auto holders = holders_of_sockets();
  ::close(fd);
  const auto found = holders.find(about.st_ino);
  REQUIRE(found != holders.end());
  CHECK(found->second == static_cast<std::uint32_t>(::getpid()));
}

TEST_CASE("an owner is told as far as it was asked for") {
  told_owners given;
  auto& told = given.all;
  told = {{1, this_process(owner_found::connect)}};
  owner_clues clues;
  clues.cookie = 1;
  SECTION("the process") {
    owner_book book(owner_level::process, std::make_unique<given_owners>(given));
    const owner_pointer owner = book.find(clues);
    REQUIRE(owner != nullptr);
    CHECK(owner->how == owner_found::connect);
    CHECK(owner->pid == std::to_string(::getpid()));
    CHECK(owner->comm == "as told");
    // Another connection of the process has the same.
    told[2] = told[1];
    clues.cookie = 2;
    CHECK(book.find(clues) == owner);
    // Where numbers are those of /proc.
    if (sees_all_processes()) {
      CHECK(owner->executable == std::filesystem::read_symlink("/proc/self/exe").string());
      CHECK(owner->cgroup == cgroup_of(text_of("/proc/self/cgroup")));
    }
  }
  SECTION("the control group alone") {
    if (!sees_all_processes()) return;
    owner_book book(owner_level::cgroup, std::make_unique<given_owners>(given));
    const owner_pointer owner = book.find(clues);
    REQUIRE(owner != nullptr);
    CHECK(owner->cgroup == cgroup_of(text_of("/proc/self/cgroup")));
    CHECK(owner->pid.empty());
    CHECK(owner->comm.empty());
    CHECK(owner->executable.empty());
  }
  SECTION("nobody") {
    owner_book book(owner_level::process, std::make_unique<given_owners>(given));
    clues.cookie = 3;
    CHECK(book.find(clues) == nullptr);
  }
}

TEST_CASE("a better owner takes the place of the listener, and stays") {
  told_owners given;
  auto& told = given.all;
  told = {{1, this_process(owner_found::listener)}};
  owner_book book(owner_level::process, std::make_unique<given_owners>(given));
  owner_clues clues;
  clues.cookie = 1;
  const owner_pointer first = book.find(clues);
  REQUIRE(first != nullptr);
  CHECK(first->how == owner_found::listener);
  CHECK(book.find(clues, first) == first);
  // What says less is no news.
  told[1].how = owner_found::cgroup_id;
  told[1].cgroup = 1;
  CHECK(book.find(clues, first) == first);
  told[1] = this_process(owner_found::io);
  const owner_pointer second = book.find(clues, first);
  REQUIRE(second != nullptr);
  CHECK(second->how == owner_found::io);
  told.clear();
  CHECK(book.find(clues, second) == second);
  CHECK(book.find(clues, first) == first);
}

TEST_CASE("a process that is gone is told as far as it was seen") {
  process_owner gone;
  gone.how = owner_found::io;
  gone.pid = 0xffff'fff0;
  gone.start_ns = 5;
  gone.comm = "gone";
  told_owners given;
  auto& told = given.all;
  told = {{1, gone}};
  owner_book book(owner_level::process, std::make_unique<given_owners>(given));
  owner_clues clues;
  clues.cookie = 1;
  const owner_pointer owner = book.find(clues);
  REQUIRE(owner != nullptr);
  CHECK(owner->comm == "gone");
  CHECK(owner->executable.empty());
}

TEST_CASE("without a feed /proc is asked, and then the message") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  struct ::stat about {};
  REQUIRE(::fstat(fd, &about) == 0);
  owner_book book(owner_level::process, nullptr);
  owner_clues clues;
  clues.cookie = 1;
  clues.inode = static_cast<std::uint32_t>(about.st_ino);
  owner_pointer owner;
  // Its thread goes through all open files.
  while (owner == nullptr) owner = book.find(clues);
  ::close(fd);
  CHECK(owner->how == owner_found::proc);
  CHECK(owner->pid == std::to_string(::getpid()));
  CHECK(owner->comm + "\n" == text_of("/proc/self/comm"));
}

TEST_CASE("names of ways to find an owner") {
  CHECK(owner_found_name(owner_found::nowhere).empty());
  CHECK(owner_found_name(owner_found::connect) == "connect");
  CHECK(owner_found_name(owner_found::accept) == "accept");
  CHECK(owner_found_name(owner_found::io) == "io");
  CHECK(owner_found_name(owner_found::listener) == "listener");
  CHECK(owner_found_name(owner_found::iter) == "iter");
  CHECK(owner_found_name(owner_found::proc) == "proc");
  CHECK(owner_found_name(owner_found::cgroup_id) == "cgroup-id");
}
