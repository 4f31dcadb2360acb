// SPDX-License-Identifier: Apache-2.0
//
// Files of a test: real ones, that fail when told to.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_FILES_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_FILES_H

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "unit/collect/scripted/clock.h"

class scripted_files : public scripted_clock {
 public:
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

  std::error_code make_directories(const std::string& path) override {
    return real().make_directories(path);
  }
  std::error_code append(const std::string& path, tcpinfo::bytes_view bytes,
                         std::uint64_t at) override {
    if (const auto ec = ask("append", path)) return ec;
    ++appends;
    if (append_faults > 0) {
      --append_faults;
      return {append_errno.load(), std::system_category()};
    }
    return real().append(path, bytes, at);
  }
  std::error_code open_read(const std::string& path, tcpinfo::collect::descriptor& out) override {
    if (const auto ec = ask("open", path)) return ec;
    if (read_errno != 0) return {read_errno.load(), std::system_category()};
    if (open_instead) {
      int fd = -1;
      open_instead(fd);
      out.reset(fd);
      return {};
    }
    return real().open_read(path, out);
  }
  std::error_code size(const std::string& path, std::uint64_t& out) override {
    if (const auto ec = ask("size", path)) return ec;
    return real().size(path, out);
  }
  std::error_code status(const std::string& path, file_status& out) override {
    return real().status(path, out);
  }
  std::error_code remove_folder(const std::string& path) override {
    return real().remove_folder(path);
  }
  std::error_code truncate(const std::string& path, std::uint64_t size) override {
    if (const auto ec = ask("truncate", path)) return ec;
    return real().truncate(path, size);
  }
  std::error_code try_finalizing(const std::string& folder, std::string& deed) override {
    return real().try_finalizing(folder, deed);
  }
  /// Whether sync() is the real one.
  bool really_syncs = false;
  std::error_code sync(const std::string& path) override {
    if (const auto ec = ask("sync", path)) return ec;
    if (sync_faults <= 0) return really_syncs ? real().sync(path) : std::error_code{};
    --sync_faults;
    return {EIO, std::system_category()};
  }
  std::error_code sync_file_system(const std::string& path) override {
    return ask("sync_file_system", path);
  }
  std::error_code rename_new(const std::string& from, const std::string& to) override {
    if (const auto ec = ask("rename_new", from)) return ec;
    return real().rename_new(from, to);
  }
  std::error_code replace(const std::string& from, const std::string& to) override {
    if (const auto ec = ask("replace", from)) return ec;
    return real().replace(from, to);
  }
  std::error_code remove(const std::string& path) override {
    if (const auto ec = ask("remove", path)) return ec;
    return real().remove(path);
  }
  std::error_code exists(const std::string& path, bool& out) override {
    if (const auto ec = ask("exists", path)) return ec;
    return real().exists(path, out);
  }
  std::error_code list(
      const std::string& path,
      const std::function<void(const tcpinfo::collect::directory_entry&)>& show) override {
    return real().list(path, show);
  }
  std::error_code lock(const std::string& path,
                       std::unique_ptr<tcpinfo::collect::held_lock>& out) override {
    return real().lock(path, out);
  }

 private:
  std::error_code ask(std::string_view deed, const std::string& path) {
    return before_deed ? before_deed(deed, path) : std::error_code{};
  }
};

#endif
