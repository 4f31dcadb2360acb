// SPDX-License-Identifier: Apache-2.0
//
// Tells other programs which connections open and close. The sampler only puts
// notices into a queue; a thread of the server's writes them to the clients, and no client makes
// anybody wait: what one does not read in time is the end of that one.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_SERVER_H
#define TCPINFO_COLLECT_SERVING_EVENT_SERVER_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/os/readiness.h"
#include "collect/os/wake_event.h"
#include "collect/owners/owner_book.h"
#include "collect/sampling/flow_listener.h"
#include "collect/serving/event_client_queue.h"
#include "collect/serving/event_listener.h"
#include "collect/serving/event_queue.h"
#include "collect/serving/event_text.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

struct event_server_options {
  std::string path;
  std::optional<unsigned> mode;  ///< of the file; without it the umask decides
  bool replay = false;           ///< begin with an open for each connection that is open
  std::size_t queue_notices = std::size_t{1} << 16;  ///< from the sampler
  std::size_t client_bytes = std::size_t{1} << 20;   ///< that a client may lag behind
  std::size_t max_clients = 256;
  std::size_t max_replay = std::size_t{1} << 20;  ///< opens that wait in replays, of all clients
};

/// Any thread reads them.
struct event_counts {
  std::atomic<std::int64_t> clients{0};  ///< connected now
  counter accepted;                      ///< clients, since the start
  counter cut_off;                       ///< clients that did not read
  counter refused;                       ///< too many, with too much to replay, or no memory
  counter sent;                          ///< lines put into a client's queue
  counter not_queued;                    ///< opens the sampler found no room for
  counter not_sent;                      ///< notices of which nobody is told: a close without its
                                         ///< open, or no memory
};

class event_server final : public flow_listener {
 public:
  /// Throws std::bad_alloc.
  explicit event_server(event_server_options options, const uuid_prefixes& prefixes)
      : options_(std::move(options)),
        prefixes_(prefixes),
        queue_(options_.queue_notices),
        text_(prefixes) {}
  ~event_server() override { finish(); }

  /// Makes the socket and starts the thread.
  /// @return as event_listener::open, or why there is no thread.
  [[nodiscard]] std::error_code start();
  /// Asks it to tell whose each connection is, as `owners`, which outlives the server, knows it by
  /// the time of the event. Before the first notice.
  void tell_owners(owner_book& owners) noexcept { owners_ = &owners; }
  /// The samplers' side, any thread: waits for no client, and allocates nothing but for closes that
  /// find no room.
  void opened(const socket_id& id, std::int64_t time_ns,
              const owner_clues& clues = {}) noexcept override {
    tell({flow_event_kind::opened, time_ns, id, prefixes_.current(), clues.inode, clues.cgroup});
  }
  void closed(std::uint64_t cookie, std::int64_t time_ns) noexcept override {
    flow_notice notice{flow_event_kind::closed, time_ns, {}, 0, 0, 0};
    notice.id.cookie = cookie;
    tell(notice);
  }
  /// Writes what is queued, as far as the clients read it within a second, closes all and removes
  /// the socket. After the sampler's end.
  void finish() noexcept;
  [[nodiscard]] const event_counts& counts() const noexcept { return counts_; }

 private:
  struct open_flow {
    std::uint64_t number;  // in the order of opening
    told_open told;
  };
  using clients = std::unordered_map<int, std::unique_ptr<event_client_queue>>;

  void tell(const flow_notice& notice) noexcept;
  void run() noexcept;
  void wait();
  void serve(int descriptor, std::uint32_t what);
  void accept_clients();
  void accept_client(descriptor caller);
  [[nodiscard]] bool has_room() const noexcept;
  void pause_accepting() noexcept;
  void resume_accepting() noexcept;
  void take_notices();
  void take(flow_notice& notice);
  [[nodiscard]] bool keep(const flow_notice& close) noexcept;
  void take_late_closes();
  [[nodiscard]] bool has_notices() const noexcept {
    return !queue_.empty() || is_late_.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] bool keep_open(flow_notice& notice, owner_pointer& owner);
  [[nodiscard]] owner_pointer owner_of(const told_open& flow) const noexcept;
  void flush_all(bool blocked_too);
  void flush_last() noexcept;
  clients::iterator drop(clients::iterator client) noexcept;

  const event_server_options options_;
  const uuid_prefixes& prefixes_;
  event_counts counts_;
  owner_book* owners_ = nullptr;  // null: nobody asks whose they are
  std::mutex telling_;            // the queue has room for one producer at a time
  event_queue queue_;
  // Closes for which the queue had no room. Nothing goes into the queue while there are any, so
  // that they come after what is in it and before what is newer. With telling_.
  std::vector<flow_notice> late_closes_;
  std::atomic<bool> is_late_{false};  // there are some, or one of them is lost
  bool lost_close_ = false;           // there was no memory for one; with telling_
  event_text text_;
  event_listener listener_;
  wait_set watched_;
  wake_event wake_;
  bool accepting_ = false;
  clients clients_;
  std::unordered_map<std::uint64_t, open_flow> open_;  // by cookie
  std::uint64_t next_number_ = 0;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> finishing_{false};
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
