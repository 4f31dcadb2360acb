// SPDX-License-Identifier: Apache-2.0
//
// An operating system for the collector's tests: real files, a clock that only waiting moves,
// sockets out of a script, and files that fail when told to.
#ifndef TCPINFO_TEST_UNIT_SCRIPTED_OS_H
#define TCPINFO_TEST_UNIT_SCRIPTED_OS_H

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "collect/control/control.h"
#include "collect/os/os.h"
#include "collect/sampling/make_source.h"
#include "unit/catch.h"
#include "unit/made_socket.h"

/// The kernel of a test.
struct scripted_kernel {
  std::map<std::uint64_t, made_socket> sockets;  ///< what a dump and a query show
  std::vector<made_socket> events;               ///< destroy events that are queued
  std::error_code dump_fault;  ///< of the next dumps; it shows half of the sockets
  std::int64_t overflows = 0;
  std::error_code ends_unheard;  ///< why no ends are told
  std::uint64_t polls = 0;
  std::uint64_t queries = 0;
  /// Called before each poll with its number, from 1.
  std::function<void(scripted_kernel&, std::uint64_t)> before_poll;

  /// The same, but the event can be read only at the last of so many tries.
  void destroy_later(std::uint64_t cookie, int tries) {
    late_ = sockets.at(cookie);
    late_->state = tcpinfo::tcp_state::close;
    late_tries_ = tries;
    sockets.erase(cookie);
  }
  /// Before events are read.
  void let_late_come() {
    if (!late_ || --late_tries_ > 0) return;
    events.push_back(*late_);
    late_.reset();
  }

  /// The socket ends: its destroy event is queued.
  void destroy(std::uint64_t cookie) {
    events.push_back(sockets.at(cookie));
    events.back().state = tcpinfo::tcp_state::close;
    sockets.erase(cookie);
  }

 private:
  std::optional<made_socket> late_;
  int late_tries_ = 0;
};

class scripted_source final : public tcpinfo::collect::source {
 public:
  explicit scripted_source(scripted_kernel& kernel, bool follows = false)
      : kernel_(kernel), follows_(follows) {}

  std::error_code probe(tcpinfo::collect::message_sink& sink) noexcept override {
    for (auto& [cookie, socket] : kernel_.sockets) sink.on_socket(socket.view());
    return {};
  }
  std::error_code open() override { return {}; }
  bool follows() const noexcept override { return follows_; }
  tcpinfo::collect::poll_report walk(tcpinfo::collect::message_sink& sink) noexcept override {
    if (kernel_.before_poll) kernel_.before_poll(kernel_, ++kernel_.polls);
    tcpinfo::collect::poll_report report;
    report.error = kernel_.dump_fault;
    report.complete = !report.error;
    std::size_t left = report.complete ? kernel_.sockets.size() : kernel_.sockets.size() / 2;
    for (auto& [cookie, socket] : kernel_.sockets) {
      if (left-- == 0) break;
      sink.on_socket(socket.view());
    }
    return report;
  }
  std::error_code drain(tcpinfo::collect::message_sink& sink) noexcept override {
    kernel_.let_late_come();
    for (made_socket& event : kernel_.events) sink.on_destroyed(event.view());
    kernel_.events.clear();
    return {};
  }
  int descriptor() const noexcept override { return -1; }
  std::error_code query(const tcpinfo::socket_id& id,
                        tcpinfo::collect::message_sink& sink) noexcept override {
    ++kernel_.queries;
    const auto found = kernel_.sockets.find(id.cookie);
    if (found == kernel_.sockets.end()) return {ENOENT, std::system_category()};
    sink.on_socket(found->second.view());
    return {};
  }
  void query_all(std::span<const tcpinfo::socket_id> ids, tcpinfo::answer_callback fn,
                 void* user) noexcept override {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ++kernel_.queries;
      const auto found = kernel_.sockets.find(ids[i].cookie);
      if (found == kernel_.sockets.end())
        fn(user, {i, {ENOENT, std::system_category()}, {}});
      else
        fn(user, {i, {}, found->second.view()});
    }
  }
  std::int64_t event_overflows() const noexcept override { return kernel_.overflows; }
  std::error_code ends_unheard() const noexcept override { return kernel_.ends_unheard; }

 private:
  scripted_kernel& kernel_;
  const bool follows_;
};

class scripted_os final : public tcpinfo::collect::os, public tcpinfo::collect::source_maker {
 public:
  explicit scripted_os(scripted_kernel& kernel)
      : kernel_(kernel), real_(tcpinfo::collect::make_linux_os({})) {}

  /// How many appends fail, with which errno, after writing how much.
  std::atomic<int> append_faults{0};
  std::atomic<int> appends{0};  ///< tried
  std::atomic<int> append_errno{ENOSPC};
  /// Of opening files for reading; 0 = it works.
  std::atomic<int> read_errno{0};
  /// Opens something else for reading.
  std::function<void(int& descriptor)> open_instead;
  /// How many syncs fail with EIO.
  std::atomic<int> sync_faults{0};
  /// Called before each deed with a file, on the thread that does it: the error it returns is the
  /// deed's, what it throws comes out of it. Set while no other thread is at work.
  std::function<std::error_code(std::string_view deed, const std::string& path)> before_deed;
  std::atomic<std::int64_t> realtime{1'600'000'000'000'000'000};
  /// How long the machine has slept; moves the wall clock, too.
  std::atomic<std::int64_t> slept{0};
  /// The machine's addresses, and whether reading them fails. The collector reads them on its
  /// threads: changed only by set_addresses().
  void set_addresses(std::vector<std::string> addresses, int error = 0) {
    const std::lock_guard lock(addresses_mutex_);
    addresses_errno_ = error;
    addresses_ = std::move(addresses);
    ++addresses_version_;
  }

  std::int64_t realtime_ns() noexcept override { return realtime + clock_ + slept; }
  std::int64_t monotonic_ns() noexcept override { return clock_; }
  std::int64_t boottime_ns() noexcept override { return clock_ + slept; }
  /// Processor time used.
  std::atomic<std::int64_t> processor{0};
  /// Whether wait() says of its descriptors that nothing has come.
  std::atomic<bool> silent{false};
  std::int64_t processor_ns() noexcept override { return processor; }
  readable wait(int, int, std::int64_t until_ns) noexcept override {
    // Time passes only here, so each poll takes none.
    std::int64_t now = clock_;
    while (now < until_ns && !clock_.compare_exchange_weak(now, until_ns)) continue;
    // Where others wait for what another thread does.
    std::this_thread::yield();
    if (silent) return {};
    // Its descriptors tell nothing: whatever may have come is looked for.
    return {true, true};
  }

  // The writer waits so: by the script's clock, and never for long.
  void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
            std::int64_t until_ns) noexcept override {
    constexpr std::chrono::milliseconds look_again{1};
    if (clock_ >= until_ns) return;
    {
      // What was asked for since it looked last it has heard only now: it rests when it waits the
      // next time.
      const std::lock_guard resting(rest_mutex_);
      rested_ = std::exchange(heard_, rests_asked_);
    }
    rest_changed_.notify_all();
    // Not until then: a notification that comes as the time ends may be told as neither.
    changed.wait_for(lock, look_again);
  }
  /// Waits until the writer has done all that it has to do by now: what was pushed before is taken,
  /// what is due is written or has failed. For a run with one writer, on its sampler's thread.
  void let_writer_rest() {
    std::unique_lock resting(rest_mutex_);
    const int asked = ++rests_asked_;
    rest_changed_.wait(resting, [&] { return rested_ >= asked; });
  }

  /// How many threads have done what they were started for.
  std::atomic<int> threads_ended{0};
  /// Asked for each thread, on the one that starts it: an errno, or 0 and there is one.
  std::function<int()> thread_errno;
  std::error_code start_thread(std::function<void()> body, std::thread& out) noexcept override {
    if (const int error = thread_errno ? thread_errno() : 0) return {error, std::system_category()};
    return real_->start_thread(
        [this, body = std::move(body)] {
          body();
          ++threads_ended;
        },
        out);
  }

  std::error_code make_directories(const std::string& path) override {
    return real_->make_directories(path);
  }
  std::error_code append(const std::string& path, tcpinfo::bytes_view bytes,
                         std::uint64_t at) override {
    if (const auto ec = ask("append", path)) return ec;
    ++appends;
    if (append_faults > 0) {
      --append_faults;
      return {append_errno.load(), std::system_category()};
    }
    return real_->append(path, bytes, at);
  }
  std::error_code open_read(const std::string& path, int& descriptor) override {
    if (const auto ec = ask("open", path)) return ec;
    if (read_errno != 0) return {read_errno.load(), std::system_category()};
    if (open_instead) {
      open_instead(descriptor);
      return {};
    }
    return real_->open_read(path, descriptor);
  }
  std::error_code size(const std::string& path, std::uint64_t& out) override {
    if (const auto ec = ask("size", path)) return ec;
    return real_->size(path, out);
  }
  std::error_code status(const std::string& path, file_status& out) override {
    return real_->status(path, out);
  }
  std::error_code remove_folder(const std::string& path) override {
    return real_->remove_folder(path);
  }
  std::error_code truncate(const std::string& path, std::uint64_t size) override {
    if (const auto ec = ask("truncate", path)) return ec;
    return real_->truncate(path, size);
  }
  std::error_code try_completing(const std::string& folder, std::string& deed) override {
    return real_->try_completing(folder, deed);
  }
  /// Whether sync() is the real one.
  bool really_syncs = false;
  std::error_code sync(const std::string& path) override {
    if (const auto ec = ask("sync", path)) return ec;
    if (sync_faults <= 0) return really_syncs ? real_->sync(path) : std::error_code{};
    --sync_faults;
    return {EIO, std::system_category()};
  }
  std::error_code sync_file_system(const std::string& path) override {
    return ask("sync_file_system", path);
  }
  std::error_code rename_new(const std::string& from, const std::string& to) override {
    if (const auto ec = ask("rename_new", from)) return ec;
    return real_->rename_new(from, to);
  }
  std::error_code replace(const std::string& from, const std::string& to) override {
    if (const auto ec = ask("replace", from)) return ec;
    return real_->replace(from, to);
  }
  std::error_code remove(const std::string& path) override {
    if (const auto ec = ask("remove", path)) return ec;
    return real_->remove(path);
  }
  std::error_code exists(const std::string& path, bool& out) override {
    if (const auto ec = ask("exists", path)) return ec;
    return real_->exists(path, out);
  }
  std::error_code list(
      const std::string& path,
      const std::function<void(const tcpinfo::collect::directory_entry&)>& show) override {
    return real_->list(path, show);
  }
  std::error_code lock(const std::string& path,
                       std::unique_ptr<tcpinfo::collect::held_lock>& out) override {
    return real_->lock(path, out);
  }
  std::error_code watch_addresses(std::unique_ptr<tcpinfo::collect::address_watch>& out) override {
    class watch final : public tcpinfo::collect::address_watch {
     public:
      explicit watch(scripted_os& system) : system_(system) {}
      bool changed() noexcept override {
        const std::lock_guard lock(system_.addresses_mutex_);
        return std::exchange(seen_, system_.addresses_version_) != system_.addresses_version_;
      }
      std::error_code read(std::vector<tcpinfo::ip_address>& out) noexcept override {
        const std::lock_guard lock(system_.addresses_mutex_);
        if (system_.addresses_errno_ != 0) {
          seen_ = -1;
          return {system_.addresses_errno_, std::system_category()};
        }
        out.clear();
        for (const std::string& text : system_.addresses_) {
          tcpinfo::ip_address address;
          REQUIRE_FALSE(tcpinfo::parse_ip_address(text, address));
          out.push_back(address);
        }
        return {};
      }

     private:
      scripted_os& system_;
      int seen_ = -1;
    };
    out = std::make_unique<watch>(*this);
    return {};
  }
  std::unique_ptr<tcpinfo::collect::netns_finder> find_netns(
      const std::vector<std::string>& /*wanted*/) override {
    class finder final : public tcpinfo::collect::netns_finder {
     public:
      explicit finder(scripted_os& system) : system_(system) {}
      void find(tcpinfo::collect::netns_findings& out) override {
        const std::lock_guard lock(system_.netns_mutex_);
        out = system_.netns_;
        ++system_.netns_looks;
      }
      void wait(int, std::int64_t) noexcept override {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }

     private:
      scripted_os& system_;
    };
    return std::make_unique<finder>(*this);
  }
  /// How often was looked for network namespaces.
  std::atomic<int> netns_looks{0};
  /// What is found from now on. A namespace's inode is the number of its kernel in `others`.
  void set_netns(tcpinfo::collect::netns_findings found) {
    const std::lock_guard lock(netns_mutex_);
    netns_ = std::move(found);
  }
  /// The kernels of other network namespaces; set before the run.
  std::vector<scripted_kernel*> others;
  std::error_code enter_netns(const tcpinfo::collect::found_netns& where) noexcept override {
    if (const int error = enter_errno) return {error, std::system_category()};
    here() = others.at(where.id.inode);
    return {};
  }
  /// Of entering a namespace; 0 = it works.
  std::atomic<int> enter_errno{0};
  std::unique_ptr<tcpinfo::collect::source> make(const tcpinfo::collect::source_options&,
                                                 std::string& why) override {
    why = here() != nullptr ? why_others_dump : std::string();
    return std::make_unique<scripted_source>(here() != nullptr ? *here() : kernel_,
                                             follows && why.empty());
  }
  /// Whether it is said that events are followed, and why not in other namespaces.
  bool follows = false;
  std::string why_others_dump;

 private:
  std::error_code ask(std::string_view deed, const std::string& path) {
    return before_deed ? before_deed(deed, path) : std::error_code{};
  }

  scripted_kernel& kernel_;
  const std::unique_ptr<tcpinfo::collect::os> real_;
  // An hour after the start of the machine: longer than any age of a file in the tests.
  std::atomic<std::int64_t> clock_{3'600'000'000'000};
  // Where the calling thread is; nullptr: at home.
  static scripted_kernel*& here() {
    thread_local scripted_kernel* kernel = nullptr;
    return kernel;
  }
  std::mutex rest_mutex_;
  std::condition_variable rest_changed_;
  // Calls of let_writer_rest(): all, those the writer knew of when it waited last, those done.
  int rests_asked_ = 0;
  int heard_ = 0;
  int rested_ = 0;
  std::mutex netns_mutex_;
  tcpinfo::collect::netns_findings netns_;
  std::mutex addresses_mutex_;
  std::vector<std::string> addresses_;
  int addresses_version_ = 0;
  int addresses_errno_ = 0;
};

/// The operator of a test: asks for one thing at a time.
class scripted_control final : public tcpinfo::collect::control {
 public:
  scripted_control() {
    if (::pipe(ends_) != 0) throw std::runtime_error("pipe");
  }
  ~scripted_control() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void ask(tcpinfo::collect::request what) {
    asked_.push_back(what);
    if (::write(ends_[1], "", 1) != 1) throw std::runtime_error("write");
  }
  int descriptor() const noexcept override { return ends_[0]; }
  tcpinfo::collect::request take() noexcept override {
    if (asked_.empty()) return tcpinfo::collect::request::none;
    char byte = 0;
    (void)!::read(ends_[0], &byte, 1);
    const auto what = asked_.front();
    asked_.erase(asked_.begin());
    return what;
  }

 private:
  int ends_[2];
  std::vector<tcpinfo::collect::request> asked_;
};

/// A directory of the test's own, gone with it.
class scratch_directory {
 public:
  scratch_directory() {
    // In memory where that can be: some tests make many thousand files.
    std::filesystem::path place = "/dev/shm";
    if (::access(place.c_str(), W_OK) != 0) place = std::filesystem::temp_directory_path();
    std::string pattern = (place / "tcpinfo-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

#endif
