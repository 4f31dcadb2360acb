// SPDX-License-Identifier: Apache-2.0
//
// File systems that lack what completing a file uses: a rename that replaces nothing, hard links,
// fsync. They are played by the kernel, which refuses these calls to the test's thread and those it
// starts (seccomp); the files are real.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "unit/collect/run.h"

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t architecture = 0;
#endif

struct denial {
  long call;
  int error;
  bool with_flags_only = false;  // its fifth argument is not 0
};

bool install(const std::vector<denial>& denials) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  for (const denial& one : denials) {
    const auto flags =
        static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 4 * sizeof(std::uint64_t));
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    const auto after = static_cast<std::uint8_t>(one.with_flags_only ? 3 : 1);
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(one.call), 0, after));
    if (one.with_flags_only) {
      program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags));
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
    }
    program.push_back(
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(one.error)));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return architecture != 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// On a thread of its own, to which the calls are refused. Assertions belong after it: Catch has
// them on one thread.
template <class Body>
void where_denied(const std::vector<denial>& denials, Body body) {
  bool installed = false;
  std::thread([&] {
    installed = install(denials);
    if (installed) body();
  }).join();
  if (installed) return;
  std::puts("skipped: no seccomp filter is to be had");
  std::fflush(stdout);
  std::_Exit(77);
}

denial no_noreplace(int error) { return {SYS_renameat2, error, true}; }
denial no_links(int error) { return {SYS_linkat, error}; }
denial no_fsync(int error) { return {SYS_fsync, error}; }
std::vector<denial> no_renames() {
  std::vector<denial> all = {{SYS_renameat2, EOPNOTSUPP}, {SYS_linkat, EPERM}};
#ifdef SYS_renameat
  all.push_back({SYS_renameat, EOPNOTSUPP});
#endif
#ifdef SYS_rename
  all.push_back({SYS_rename, EOPNOTSUPP});
#endif
  return all;
}

constexpr int unsupported[] = {EINVAL, EPERM, EOPNOTSUPP, ENOSYS};

void put(const fs::path& path, std::string_view content) { std::ofstream(path) << content; }

}  // namespace

TEST_CASE(
    "a file gets its final name where nothing but a plain rename is there, and none is lost") {
  for (const int no_flag : unsupported) {
    for (const int no_link : unsupported) {
      scratch_directory scratch;
      const auto system = make_linux_os({scratch.path().string()});
      const fs::path part = scratch.path() / "a.part";
      const fs::path complete = scratch.path() / "a";
      std::error_code first;
      std::error_code second;
      where_denied({no_noreplace(no_flag), no_links(no_link)}, [&] {
        put(part, "one");
        first = system->rename_new(part.string(), complete.string());
        put(part, "two");
        second = system->rename_new(part.string(), complete.string());
      });
      INFO("renameat2 says " << no_flag << ", linkat " << no_link);
      CHECK_FALSE(first);
      CHECK(second == std::errc::file_exists);
      CHECK(bytes_of(complete) == "one");
      CHECK(bytes_of(part) == "two");
    }
    // With hard links they are used.
    scratch_directory scratch;
    const auto system = make_linux_os({scratch.path().string()});
    std::error_code done;
    where_denied({no_noreplace(no_flag)}, [&] {
      put(scratch.path() / "a.part", "one");
      done =
          system->rename_new((scratch.path() / "a.part").string(), (scratch.path() / "a").string());
    });
    CHECK_FALSE(done);
    CHECK(bytes_of(scratch.path() / "a") == "one");
    CHECK_FALSE(fs::exists(scratch.path() / "a.part"));
  }
}

TEST_CASE("where there is no fsync nothing is waited for, and a fault is still a fault") {
  scratch_directory scratch;
  const std::string path = (scratch.path() / "a").string();
  put(path, "one");
  for (const int error : {EINVAL, ENOSYS, EOPNOTSUPP, EIO, EPERM}) {
    const auto system = make_linux_os({scratch.path().string(), 0640, say_no_fsync});
    std::error_code ec;
    captured_errors errors;
    where_denied({no_fsync(error)}, [&] {
      ec = system->sync(path);
      if (!ec) ec = system->sync(path);
    });
    const std::string said = errors.text();
    const bool is_fault = error == EIO || error == EPERM;
    CHECK(ec.value() == (is_fault ? error : 0));
    // Once.
    CHECK((said.find("has no fsync") == std::string::npos) == is_fault);
    CHECK(said.find("has no fsync") == said.rfind("has no fsync"));
  }
}

TEST_CASE("a run on a file system that lacks all of them leaves complete files") {
  for (const int error : unsupported) {
    run r;
    r.system.really_syncs = true;
    r.settings.reps = 30;
    for (std::uint64_t cookie = 1; cookie <= 20; ++cookie) r.add(cookie);
    r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
      if (poll == 10) k.destroy(3);
    };
    int status = -1;
    captured_errors errors;
    where_denied(
        {no_noreplace(error), no_links(error), no_fsync(error == EPERM ? ENOSYS : error)},
        [&] { status = collect::collect(r.system, r.system, r.settings, r.operator_says); });
    const std::string said = errors.text();
    INFO(said);
    CHECK(status == exit_ok);
    CHECK(read_all(r.output).size() == 20);
  }
}

TEST_CASE("where files could never be completed the start is refused, with the reason") {
  run r;
  r.add(1);
  int status = -1;
  captured_errors errors;
  where_denied(no_renames(),
               [&] { status = collect::collect(r.system, r.system, r.settings, r.operator_says); });
  const std::string said = errors.text();
  CHECK(status == exit_usage);
  CHECK(said.find("could never be completed: its file system refuses to rename: Operation not "
                  "supported") != std::string::npos);
  // Nothing is left of the trial.
  for (const auto& entry : fs::directory_iterator(r.output))
    CHECK(entry.path().filename() == ".tcpinfo-collect.lock");
}
