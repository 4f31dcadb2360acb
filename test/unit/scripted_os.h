// SPDX-License-Identifier: Apache-2.0
//
// An operating system for the collector's tests: real files, a clock that only waiting moves,
// sockets out of a script, and files that fail when told to.
#ifndef TCPINFO_TEST_UNIT_SCRIPTED_OS_H
#define TCPINFO_TEST_UNIT_SCRIPTED_OS_H

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "catch.h"
#include "collect/os.h"
#include "made_socket.h"

/// The kernel of a test.
struct scripted_kernel {
  std::map<std::uint64_t, made_socket> sockets;  ///< what a dump and a query show
  std::vector<made_socket> events;               ///< destroy events that are queued
  std::error_code dump_fault;  ///< of the next dumps; it shows half of the sockets
  std::int64_t overflows = 0;
  std::uint64_t polls = 0;
  std::uint64_t queries = 0;
  /// Called before each poll with its number, from 1.
  std::function<void(scripted_kernel&, std::uint64_t)> before_poll;

  /// The socket ends: its destroy event is queued.
  void destroy(std::uint64_t cookie) {
    events.push_back(sockets.at(cookie));
    events.back().state = tcpinfo::tcp_state::close;
    sockets.erase(cookie);
  }
};

class scripted_source final : public tcpinfo::collect::source {
 public:
  explicit scripted_source(scripted_kernel& kernel) : kernel_(kernel) {}

  std::error_code probe() noexcept override { return {}; }
  std::error_code open() override { return {}; }
  tcpinfo::collect::poll_report poll(tcpinfo::collect::message_sink& sink) noexcept override {
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
  std::int64_t event_overflows() const noexcept override { return kernel_.overflows; }

 private:
  scripted_kernel& kernel_;
};

class scripted_os final : public tcpinfo::collect::os {
 public:
  explicit scripted_os(scripted_kernel& kernel)
      : kernel_(kernel), real_(tcpinfo::collect::make_linux_os()) {}

  /// How many appends fail, with which errno, after writing how much.
  std::atomic<int> append_faults{0};
  std::atomic<int> append_errno{ENOSPC};
  /// Of opening files for reading; 0 = it works.
  std::atomic<int> read_errno{0};
  /// How many syncs fail with EIO.
  std::atomic<int> sync_faults{0};
  std::atomic<std::int64_t> realtime{1'600'000'000'000'000'000};

  std::int64_t realtime_ns() noexcept override { return realtime + clock_; }
  std::int64_t monotonic_ns() noexcept override { return clock_; }
  void wait(int, int, std::int64_t until_ns) noexcept override {
    // Time passes only here, so each poll takes none.
    if (clock_ < until_ns) clock_ = until_ns;
  }

  std::error_code make_directories(const std::string& path) override {
    return real_->make_directories(path);
  }
  std::error_code append(const std::string& path, tcpinfo::bytes_view bytes,
                         std::uint64_t at) override {
    if (append_faults > 0) {
      --append_faults;
      return {append_errno.load(), std::system_category()};
    }
    return real_->append(path, bytes, at);
  }
  std::error_code open_read(const std::string& path, int& descriptor) override {
    if (read_errno != 0) return {read_errno.load(), std::system_category()};
    return real_->open_read(path, descriptor);
  }
  std::error_code size(const std::string& path, std::uint64_t& out) override {
    return real_->size(path, out);
  }
  std::error_code truncate(const std::string& path, std::uint64_t size) override {
    return real_->truncate(path, size);
  }
  std::error_code sync(const std::string&) override {
    if (sync_faults <= 0) return {};
    --sync_faults;
    return {EIO, std::system_category()};
  }
  std::error_code sync_file_system(const std::string&) override { return {}; }
  std::error_code rename_new(const std::string& from, const std::string& to) override {
    return real_->rename_new(from, to);
  }
  std::error_code replace(const std::string& from, const std::string& to) override {
    return real_->replace(from, to);
  }
  std::error_code remove(const std::string& path) override { return real_->remove(path); }
  bool exists(const std::string& path) override { return real_->exists(path); }
  std::error_code list(const std::string& path,
                       std::vector<tcpinfo::collect::directory_entry>& out) override {
    return real_->list(path, out);
  }
  std::error_code lock(const std::string& path,
                       std::unique_ptr<tcpinfo::collect::held_lock>& out) override {
    return real_->lock(path, out);
  }
  std::unique_ptr<tcpinfo::collect::source> make_dump_source(
      const tcpinfo::collect::source_options&) override {
    return std::make_unique<scripted_source>(kernel_);
  }

 private:
  scripted_kernel& kernel_;
  const std::unique_ptr<tcpinfo::collect::os> real_;
  std::atomic<std::int64_t> clock_{1'000'000'000};
};

/// A directory of the test's own, gone with it.
class scratch_directory {
 public:
  scratch_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tcpinfo-XXXXXX").string();
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
