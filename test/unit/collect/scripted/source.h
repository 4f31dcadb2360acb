// SPDX-License-Identifier: Apache-2.0
//
// A source of messages out of a scripted kernel.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_SOURCE_H
#define TCPINFO_TEST_UNIT_COLLECT_SCRIPTED_SOURCE_H

#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

#include "collect/sampling/source.h"
#include "unit/collect/scripted/kernel.h"

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
  tcpinfo::collect::poll_report dump(tcpinfo::collect::message_sink& sink) noexcept override {
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
    if (!kernel_.events.empty()) kernel_.silent = false;
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
  std::error_code ends_refused() const noexcept override { return kernel_.ends_refused; }
  bool has_heard_an_end() const noexcept override { return !kernel_.silent; }

 private:
  scripted_kernel& kernel_;
  const bool follows_;
};

#endif
