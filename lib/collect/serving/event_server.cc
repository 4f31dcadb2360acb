// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/event_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "collect/os/thread.h"

namespace tcpinfo::collect {
namespace {

// Between two looks at the sockets at most this many notices are taken.
constexpr int portion = 1024;
// Where descriptors or memory have run out, callers wait this long.
constexpr int pause_ms = 1000;
constexpr auto last_flush = std::chrono::seconds(1);
// Edge-triggered, for writing: each time there is room again.
constexpr std::uint32_t of_client = EPOLLIN | EPOLLOUT | EPOLLET;

// Nobody needs a client's words; reading them finds out that it is still there.
bool hangs_up(int descriptor) noexcept {
  std::array<char, 4096> nothing;
  for (int i = 0; i < 16; ++i) {
    const ssize_t n = ::recv(descriptor, nothing.data(), nothing.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno != EAGAIN;
    // It will say no more, which is not to say that it does not listen.
    if (n == 0) return false;
  }
  return false;
}

}  // namespace

std::error_code event_server::start() {
  if (const auto ec = listener_.open(options_.path, options_.mode)) return ec;
  std::error_code ec = watched_.open();
  if (!ec) ec = wake_.open();
  if (!ec) ec = watched_.add(wake_.get(), EPOLLIN);
  if (!ec) ec = watched_.add(listener_.descriptor(), EPOLLIN);
  accepting_ = true;
  if (!ec)
    ec = start_thread(
        [this] {
          name_this_thread("events");
          run();
        },
        thread_);
  if (!ec) return {};
  finish();
  return ec;
}

void event_server::tell(const flow_notice& notice) noexcept {
  bool queued = false;
  {
    const std::lock_guard lock(telling_);
    queued = (!is_late_.load(std::memory_order_relaxed) && queue_.push(notice)) || keep(notice);
  }
  if (!queued) {
    counts_.not_queued.add();
    return;
  }
  // Both sides use sequentially consistent operations: either the server sees what was pushed, or
  // we see that it sleeps. One write a sleep.
  if (sleeping_.exchange(false, std::memory_order_seq_cst)) wake_.signal();
}

// A close that is not told would leave its connection open in every later replay. Many of them take
// less memory than the connections did.
bool event_server::keep(const flow_notice& close) noexcept {
  if (close.kind != flow_event_kind::closed) return false;
  bool kept = true;
  try {
    late_closes_.push_back(close);
  } catch (const std::bad_alloc&) {
    kept = false;
    lost_close_ = true;
  }
  is_late_.store(true, std::memory_order_seq_cst);
  return kept;
}

void event_server::take_late_closes() {
  if (!is_late_.load(std::memory_order_seq_cst)) return;
  std::vector<flow_notice> closes;
  bool lost = false;
  {
    const std::lock_guard lock(telling_);
    // Notices in the queue are older than the first of them.
    if (!queue_.empty()) return;
    closes.swap(late_closes_);
    lost = std::exchange(lost_close_, false);
    is_late_.store(false, std::memory_order_seq_cst);
  }
  for (flow_notice& close : closes) take(close);
  // The server does not know which connection closed. It forgets all open ones rather than replay a
  // closed one.
  if (lost) open_.clear();
}

void event_server::finish() noexcept {
  if (thread_.joinable()) {
    finishing_.store(true, std::memory_order_seq_cst);
    wake_.signal();
    thread_.join();
  }
  listener_.close();
  watched_.close();
  wake_.close();
}

void event_server::run() noexcept {
  for (;;) {
    // Read before the queue: what was pushed before finish() is then seen.
    const bool finishing = finishing_.load(std::memory_order_seq_cst);
    try {
      wait();
      take_notices();
      flush_all(false);
    } catch (const std::bad_alloc&) {
      // A lost notice is counted where it is lost; kept ones are written later.
    }
    if (finishing && !has_notices()) break;
  }
  flush_last();
  while (!clients_.empty()) drop(clients_.begin());
}

void event_server::wait() {
  sleeping_.store(true, std::memory_order_seq_cst);
  const bool busy = has_notices() || finishing_.load(std::memory_order_seq_cst);
  const int timeout = busy ? 0 : accepting_ ? -1 : pause_ms;
  const auto found = watched_.wait(timeout);
  sleeping_.store(false, std::memory_order_seq_cst);
  if (!accepting_) resume_accepting();
  for (const wait_set::ready& one : found) {
    try {
      serve(one.fd, one.events);
    } catch (const std::bad_alloc&) {
      // One client's text: it is made again by the next flush. The others' edges come only once.
    }
  }
}

void event_server::serve(int descriptor, std::uint32_t what) {
  if (descriptor == wake_.get()) {
    wake_.clear();
  } else if (descriptor == listener_.descriptor()) {
    accept_clients();
  } else if (const auto found = clients_.find(descriptor); found != clients_.end()) {
    // A client that writes much is read on at the next edge; it has no claim to more.
    if ((what & (EPOLLHUP | EPOLLERR)) != 0 || hangs_up(descriptor) ||
        found->second->flush(text_) == event_client_queue::state::gone)
      drop(found);
  }
}

void event_server::pause_accepting() noexcept {
  watched_.remove(listener_.descriptor());
  accepting_ = false;
}

void event_server::resume_accepting() noexcept {
  accepting_ = !watched_.add(listener_.descriptor(), EPOLLIN);
}

void event_server::accept_clients() {
  for (;;) {
    const int descriptor =
        ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
      try {
        accept_client(collect::descriptor(descriptor));
      } catch (const std::bad_alloc&) {
        counts_.refused.add();
      }
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The caller stays in the queue, and would make us spin.
      pause_accepting();
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

bool event_server::has_room() const noexcept {
  if (clients_.size() >= options_.max_clients) return false;
  if (!options_.replay) return true;
  std::size_t waiting = open_.size();
  for (const auto& [descriptor, client] : clients_) waiting += client->replaying();
  // One alone always has.
  return waiting <= options_.max_replay || waiting == open_.size();
}

void event_server::accept_client(descriptor caller) {
  if (!has_room()) {
    counts_.refused.add();
    return;
  }
  const int fd = caller.get();
  auto client = std::make_unique<event_client_queue>(std::move(caller), options_.client_bytes);
  std::size_t replayed = 0;
  if (options_.replay) {
    std::vector<const open_flow*> flows;
    flows.reserve(open_.size());
    for (const auto& [cookie, flow] : open_) flows.push_back(&flow);
    std::sort(flows.begin(), flows.end(),
              [](const open_flow* a, const open_flow* b) { return a->number < b->number; });
    std::vector<told_open> opens;
    opens.reserve(flows.size());
    for (const open_flow* flow : flows) opens.push_back({flow->told.notice, owner_of(flow->told)});
    replayed = opens.size();
    client->replay(std::move(opens));
  }
  clients_.emplace(fd, std::move(client));
  counts_.accepted.add();
  counts_.sent.add(replayed);
  counts_.clients.fetch_add(1, std::memory_order_relaxed);
  // Last: the first edge, that there is room, writes what is to be replayed.
  if (watched_.add(fd, of_client)) drop(clients_.find(fd));
}

event_server::clients::iterator event_server::drop(clients::iterator client) noexcept {
  counts_.clients.fetch_sub(1, std::memory_order_relaxed);
  return clients_.erase(client);
}

void event_server::take_notices() {
  flow_notice notice;
  for (int i = 0; i < portion && queue_.pop(notice); ++i) take(notice);
  take_late_closes();
}

// As far as it is known by now: it may be known better than when it was told before.
owner_pointer event_server::owner_of(const told_open& flow) const noexcept {
  if (owners_ == nullptr) return nullptr;
  const flow_notice& open = flow.notice;
  try {
    return owners_->find({open.id.cookie, open.cgroup, open.inode}, flow.owner);
  } catch (const std::exception&) {
    return flow.owner;
  }
}

// Whether the notice makes sense to those who heard all before it. `owner`: whose the connection
// is.
bool event_server::keep_open(flow_notice& notice, owner_pointer& owner) {
  if (notice.kind == flow_event_kind::closed) {
    const auto found = open_.find(notice.id.cookie);
    if (found == open_.end()) return false;
    // The UUID it was opened with.
    notice.prefix = found->second.told.notice.prefix;
    owner = owner_of(found->second.told);
    open_.erase(found);
    return true;
  }
  owner = owner_of({notice, nullptr});
  return open_.insert_or_assign(notice.id.cookie, open_flow{next_number_++, {notice, owner}})
      .second;
}

void event_server::take(flow_notice& notice) {
  try {
    owner_pointer owner;
    const std::string_view line =
        keep_open(notice, owner) ? text_.line(notice, owner.get()) : std::string_view();
    if (line.empty()) {
      counts_.not_sent.add();
      return;
    }
    for (auto client = clients_.begin(); client != clients_.end();) {
      if (client->second->add(line)) {
        counts_.sent.add();
        ++client;
      } else {
        counts_.cut_off.add();
        client = drop(client);
      }
    }
  } catch (const std::bad_alloc&) {
    counts_.not_sent.add();
  }
}

void event_server::flush_all(bool blocked_too) {
  for (auto client = clients_.begin(); client != clients_.end();) {
    const bool gone = client->second->pending() && (blocked_too || !client->second->blocked()) &&
                      client->second->flush(text_) == event_client_queue::state::gone;
    client = gone ? drop(client) : std::next(client);
  }
}

// At the end. A client that does not read now has had its time.
void event_server::flush_last() noexcept {
  const auto deadline = std::chrono::steady_clock::now() + last_flush;
  for (;;) {
    try {
      flush_all(true);
    } catch (const std::bad_alloc&) {
      return;
    }
    const bool pending = std::any_of(clients_.begin(), clients_.end(),
                                     [](const auto& client) { return client.second->pending(); });
    if (!pending || std::chrono::steady_clock::now() >= deadline) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace tcpinfo::collect
