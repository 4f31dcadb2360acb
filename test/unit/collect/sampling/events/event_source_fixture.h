// SPDX-License-Identifier: Apache-2.0
//
// A source that follows events, on a kernel and a feed that a test sets.
#ifndef TCPINFO_TEST_UNIT_EVENT_SOURCE_FIXTURE_H
#define TCPINFO_TEST_UNIT_EVENT_SOURCE_FIXTURE_H

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "collect/sampling/events/event_source.h"
#include "unit/catch.h"
#include "unit/durations.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

/// A kernel of which a test sets every socket and the time. Dumps and queries take as long as it
/// says.
struct fake_kernel {
  std::map<std::uint64_t, made_socket> sockets;
  std::map<std::uint64_t, std::uint32_t> unsent;  ///< wqueue
  std::int64_t now = 1'000 * ms;
  std::int64_t dump_ns = 0;
  std::int64_t query_ns = 0;
  int dumps = 0;
  int connecting_dumps = 0;
  bool dump_fails = false;
  bool queries_fail = false;
  bool by_ports = false;  ///< queries find sockets by ports alone
  std::vector<std::uint64_t> queried;

  made_socket& add(std::uint64_t cookie) {
    made_socket& s = sockets[cookie];
    s.cookie = cookie;
    s.sport = static_cast<std::uint16_t>(1000 + cookie % 60000);
    return s;
  }
  socket_id id(std::uint64_t cookie) { return sockets.at(cookie).view().id(); }

  std::vector<std::byte> message_of(std::uint64_t cookie) {
    const message m = sockets.at(cookie).view();
    std::vector<std::byte> bytes(m.bytes.begin(), m.bytes.end());
    const std::uint32_t wqueue = unsent[cookie];
    std::memcpy(bytes.data() + wire::wqueue_at, &wqueue, sizeof wqueue);
    return bytes;
  }
};

class fake_source final : public source {
 public:
  explicit fake_source(fake_kernel& kernel) : kernel_(kernel) {}
  std::error_code probe(message_sink&) noexcept override { return {}; }
  std::error_code open() override { return {}; }
  poll_report dump(message_sink& sink) noexcept override {
    ++kernel_.dumps;
    kernel_.now += kernel_.dump_ns;
    for (const auto& [cookie, s] : kernel_.sockets) sink.on_socket({kernel_.message_of(cookie)});
    poll_report report;
    report.duration_ns = kernel_.dump_ns;
    report.complete = !kernel_.dump_fails;
    if (kernel_.dump_fails) report.error = {EIO, std::system_category()};
    return report;
  }
  poll_report dump_connecting(message_sink& sink) noexcept override {
    ++kernel_.connecting_dumps;
    for (const auto& [cookie, s] : kernel_.sockets)
      if (s.state == tcp_state::syn_sent) sink.on_socket({kernel_.message_of(cookie)});
    return {};
  }
  std::error_code drain(message_sink&) noexcept override { return {}; }
  int descriptor() const noexcept override { return -1; }
  std::error_code query(const socket_id&, message_sink&) noexcept override { return {}; }
  void query_all(std::span<const socket_id> ids, answer_callback fn, void* user) noexcept override {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      kernel_.queried.push_back(ids[i].cookie);
      kernel_.now += kernel_.query_ns;
      if (kernel_.queries_fail) {
        fn(user, {i, {ENOBUFS, std::system_category()}, {}});
        continue;
      }
      const auto found =
          std::find_if(kernel_.sockets.begin(), kernel_.sockets.end(), [&](const auto& one) {
            return kernel_.by_ports ? one.second.sport == ids[i].sport : one.first == ids[i].cookie;
          });
      if (found == kernel_.sockets.end()) {
        fn(user, {i, {ENOENT, std::system_category()}, {}});
        continue;
      }
      const auto bytes = kernel_.message_of(found->first);
      fn(user, {i, {}, {bytes}});
    }
  }
  std::int64_t event_overflows() const noexcept override { return 0; }

 private:
  fake_kernel& kernel_;
};

struct fake_activity {
  std::uint32_t tick = 0;
  std::vector<activity> made;
  std::uint64_t dropped = 0;
  std::uint64_t missed = 0;
  std::uint64_t taken = 0;
  bool muted = false;
  std::vector<bool> mutings;
  int descriptor = -1;
  bool wanted = false;  ///< the next activity wakes the reader
};

class fake_feed final : public activity_feed {
 public:
  explicit fake_feed(fake_activity& from) : activity_(from) {}
  std::uint32_t begin_tick() noexcept override { return ++activity_.tick; }
  void take(activity_sink& sink) noexcept override {
    for (const activity& a : activity_.made) sink.on_activity(a);
    activity_.taken += activity_.made.size();
    activity_.made.clear();
  }
  std::uint64_t dropped() const noexcept override { return activity_.dropped; }
  activity_totals totals() const noexcept override { return {activity_.taken, activity_.missed}; }
  void mute(bool muted) noexcept override {
    activity_.muted = muted;
    activity_.mutings.push_back(muted);
  }
  int descriptor() const noexcept override { return activity_.descriptor; }
  void wake_on_next(bool wanted) noexcept override { activity_.wanted = wanted; }

 private:
  fake_activity& activity_;
};

class recording_sink final : public message_sink {
 public:
  void on_datagram() noexcept override { datagrams.push_back(shown.size()); }
  socket_outcome on_socket(const message& m) noexcept override {
    shown.push_back(m.cookie());
    if (refuses_all || std::exchange(refuses, false)) return socket_outcome::not_kept;
    return outcome;
  }
  void on_destroyed(const message&) noexcept override {}
  void on_opening(std::uint64_t cookie, std::int64_t time_ns) noexcept override {
    openings[cookie] = time_ns;
  }
  void on_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept override {
    ends[cookie] = time_ns;
  }
  void on_absent(std::uint64_t cookie, std::int64_t, std::int64_t) noexcept override {
    absent.push_back(cookie);
  }

  socket_outcome outcome = socket_outcome::changed;  ///< of all but those that it refuses
  std::vector<std::uint64_t> shown;
  std::vector<std::size_t> datagrams;  ///< of each, how many sockets had been shown before
  std::vector<std::uint64_t> absent;
  std::map<std::uint64_t, std::int64_t> ends;
  std::map<std::uint64_t, std::int64_t> openings;
  bool refuses = false;  ///< the next message
  bool refuses_all = false;
};

/// A source that follows events of a fake kernel.
struct followed {
  fake_kernel kernel;
  fake_activity feed;
  filter exclude;
  recording_sink sink;
  std::vector<bool> urgencies;  ///< as the system was told
  event_source source;

  explicit followed(source_options options = {})
      : source((options.exclude = &exclude, options),
               {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(feed), nullptr,
                [this] { return kernel.now; }, [this] { return kernel.now; },
                [this](bool urgent) { urgencies.push_back(urgent); }}) {
    kernel.dump_ns = 10 * ms;
    kernel.query_ns = 4'000;
  }
  /// Something happens to the socket.
  void touch(std::uint64_t cookie, bool in_running_tick = false) {
    activity m;
    m.id = kernel.id(cookie);
    m.tick = feed.tick + (in_running_tick ? 1 : 0);
    m.state = static_cast<std::uint8_t>(tcp_state::established);
    feed.made.push_back(m);
  }
  poll_report poll() {
    kernel.queried.clear();
    sink.shown.clear();
    kernel.now += 10 * ms;
    return source.poll(sink);
  }
};

using cookies = std::vector<std::uint64_t>;

#endif
