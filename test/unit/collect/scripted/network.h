// SPDX-License-Identifier: Apache-2.0
//
// The network namespaces of a test, each with a kernel, and the machine's addresses.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_NETWORK_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_NETWORK_H

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "collect/os/os.h"
#include "unit/catch.h"
#include "unit/collect/scripted/files.h"
#include "unit/collect/scripted/kernel.h"

class scripted_network : public scripted_files {
 public:
  /// The machine's addresses, and whether reading them fails. The collector reads them on its
  /// threads: changed only by set_addresses().
  void set_addresses(std::vector<std::string> addresses, int error = 0) {
    const std::lock_guard lock(addresses_mutex_);
    addresses_errno_ = error;
    addresses_ = std::move(addresses);
    ++addresses_version_;
  }

  std::error_code watch_addresses(std::unique_ptr<tcpinfo::collect::address_watch>& out) override {
    class watch final : public tcpinfo::collect::address_watch {
     public:
      explicit watch(scripted_network& system) : system_(system) {}
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
      scripted_network& system_;
      int seen_ = -1;
    };
    out = std::make_unique<watch>(*this);
    return {};
  }
  /// The highest cookie of before the run; changed between runs.
  std::uint64_t newest = 0;
  /// Whether it can be found out.
  bool knows_newest = true;
  /// How many cookies are given after each time that it is asked for.
  std::uint64_t given_meanwhile = 0;
  std::error_code newest_cookie(std::uint64_t& out) noexcept override {
    out = newest;
    newest += given_meanwhile;
    return knows_newest ? std::error_code{} : std::error_code(ENOTSUP, std::system_category());
  }
  std::unique_ptr<tcpinfo::collect::netns_finder> find_netns(
      const std::vector<std::string>& /*wanted*/) override {
    class finder final : public tcpinfo::collect::netns_finder {
     public:
      explicit finder(scripted_network& system) : system_(system) {}
      void find(tcpinfo::collect::netns_findings& out) override {
        const std::lock_guard lock(system_.netns_mutex_);
        out = system_.netns_;
        ++system_.netns_looks;
      }
      void wait(int, std::int64_t) noexcept override {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }

     private:
      scripted_network& system_;
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

 protected:
  /// Where the calling thread is; nullptr: at home.
  static scripted_kernel*& here() {
    thread_local scripted_kernel* kernel = nullptr;
    return kernel;
  }

 private:
  std::mutex netns_mutex_;
  tcpinfo::collect::netns_findings netns_;
  std::mutex addresses_mutex_;
  std::vector<std::string> addresses_;
  int addresses_version_ = 0;
  int addresses_errno_ = 0;
};

#endif
