// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/http_server.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <new>
#include <utility>
#include <vector>

#include "collect/os/listening.h"
#include "collect/os/readiness.h"
#include "collect/os/thread.h"
#include "collect/serving/content_choice.h"
#include "collect/serving/http_request.h"

namespace tcpinfo::collect {
namespace {

// Between two looks at the clients at most so many callers are taken.
constexpr int taken_at_once = 64;
// Where the system has no descriptor or memory for another client.
constexpr auto pause = std::chrono::milliseconds(100);
// Of a client that talks on after its request.
constexpr std::size_t most_ignored = std::size_t{256} << 10;

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

// Ends the connection at once: the system keeps nothing that the client did not read.
void abort_connection(int socket) noexcept {
  const linger now{1, 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

std::error_code http_server::start(listen_address& where) {
  if (const auto ec = listen_at(where, listener_)) return ec;
  return start(listener_.get());
}

std::error_code http_server::start(int listener) {
  listens_ = listener;
  tallies_.reserve(options_.max_clients);
  std::error_code ec = wake_.open();
  if (!ec)
    ec = start_thread(
        [this] {
          if (answers_) {
            name_this_thread("queries");
            step_back();
          } else {
            name_this_thread("metrics");
          }
          run();
        },
        thread_);
  if (!ec) return {};
  finish();
  return ec;
}

void http_server::finish() noexcept {
  if (thread_.joinable()) {
    finishing_.store(true, std::memory_order_release);
    wake_.signal();
    thread_.join();
  }
  listener_.reset();
  wake_.close();
}

void http_server::run() noexcept {
  while (!finishing_.load(std::memory_order_acquire)) {
    try {
      turn();
    } catch (const std::exception&) {
      // Not even for the list of descriptors: whoever has been here longest makes room.
      if (!clients_.empty()) cut_off(clients_.begin());
    }
  }
  for (const client& one : clients_) abort_connection(one.socket.get());
  clients_.clear();
}

void http_server::turn() {
  for (auto& text : texts_) text.reset();
  std::vector<pollfd> watched;
  watched.reserve(clients_.size() + 2);
  const auto before = clock::now();
  const bool accepting = before >= accepting_from_;
  watched.push_back({wake_.get(), POLLIN, 0});
  watched.push_back({accepting ? listens_ : -1, POLLIN, 0});
  for (const client& one : clients_) {
    const bool writes = one.answering && !one.answered;
    watched.push_back({one.socket.get(), static_cast<short>(writes ? POLLOUT : POLLIN), 0});
  }
  auto until = clients_.empty() ? clock::time_point::max() : clients_.front().leaves;
  if (!accepting) until = std::min(until, accepting_from_);
  // The library's steady clock is the kernel's monotonic one, in nanoseconds: time_point::max() is
  // no_deadline.
  if (await_any(watched, std::chrono::nanoseconds(until.time_since_epoch()).count()) < 0) return;
  std::size_t at = 2;
  for (auto one = clients_.begin(); one != clients_.end(); ++at) {
    const bool stays = watched[at].revents == 0 || serve(*one);
    one = stays ? std::next(one) : clients_.erase(one);
  }
  const auto now = clock::now();
  // Each has been given the same time, so that the first to come are the first to leave.
  while (!clients_.empty() && clients_.front().leaves <= now) cut_off(clients_.begin());
  if (watched[1].revents != 0) accept_callers();
  keep_budget();
}

// With metrics of the traffic a text can have megabytes, and whoever does not read keeps one. Those
// that came together have one text; texts are made anew in each turn.
void http_server::keep_budget() noexcept {
  for (auto& text : texts_) text.reset();
  const auto share_of = [](const client& one) {
    return one.body == nullptr ? std::size_t{0}
                               : one.body->size() / static_cast<std::size_t>(one.body.use_count());
  };
  for (;;) {
    std::size_t waiting = 0;
    std::size_t holders = 0;
    for (const client& one : clients_) {
      waiting += share_of(one);
      if (one.body != nullptr) ++holders;
    }
    if (waiting <= options_.max_waiting || holders < 2) return;
    cut_off(oldest_of_greediest(share_of));
  }
}

void http_server::accept_callers() {
  for (int i = 0; i < taken_at_once; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    descriptor caller(::accept4(listens_, static_cast<sockaddr*>(static_cast<void*>(&from)), &size,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!caller) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (would_block(errno)) return;
      // The caller stays in the queue. One of ours makes room for it; where there is none we would
      // turn without end.
      if (clients_.empty())
        accepting_from_ = clock::now() + pause;
      else
        make_room();
      return;
    }
    if (clients_.size() >= options_.max_clients) make_room();
    client& one = clients_.emplace_back();
    one.socket = std::move(caller);
    one.origin = origin_of(one.socket.get(), from);
    one.leaves = clock::now() + options_.patience;
    // At once: what has come with the connection is answered before others can take its place.
    if (!serve(one)) clients_.pop_back();
  }
}

// Of the origin whose clients weigh most together the client that has been here longest, among
// those that weigh anything: so one machine cannot take what another's scraper needs.
template <class Weight>
http_server::clients::iterator http_server::oldest_of_greediest(const Weight& weight_of) noexcept {
  tallies_.clear();
  for (auto one = clients_.begin(); one != clients_.end(); ++one) {
    const std::size_t weight = weight_of(*one);
    if (weight == 0) continue;
    const auto known = std::find_if(tallies_.begin(), tallies_.end(), [one](const tally& other) {
      return other.oldest->origin == one->origin;
    });
    if (known != tallies_.end())
      known->weight += weight;
    else
      tallies_.push_back({one, weight});  // there is room
  }
  // Of two that have as much the one that came first.
  const auto most =
      std::max_element(tallies_.begin(), tallies_.end(),
                       [](const tally& a, const tally& b) { return a.weight < b.weight; });
  return most == tallies_.end() ? clients_.begin() : most->oldest;
}

void http_server::make_room() noexcept {
  cut_off(oldest_of_greediest([](const client&) { return std::size_t{1}; }));
}

void http_server::cut_off(clients::iterator one) noexcept {
  // One that was answered, and has not closed, was given all that it asked for.
  if (!one->answered) counts_.cut_off.add();
  abort_connection(one->socket.get());
  clients_.erase(one);
}

bool http_server::serve(client& one) {
  if (!one.answering && !read_head(one)) return false;
  if (one.answering && !one.answered && !write_answer(one)) return false;
  return !one.answered || await_end(one);
}

bool http_server::read_head(client& one) {
  std::array<char, 4096> bytes;
  while (!one.answering) {
    const ssize_t got = ::recv(one.socket.get(), bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return would_block(errno);
    if (got == 0) return false;
    one.head.append(bytes.data(), static_cast<std::size_t>(got));
    http_request request;
    switch (read_request_head(one.head, request)) {
      case request_head::incomplete:
        if (one.head.size() > options_.max_head)
          refuse(one, "431 Request Header Fields Too Large", {});
        break;
      case request_head::malformed:
        refuse(one, "400 Bad Request", {});
        break;
      case request_head::other_major:
        refuse(one, "505 HTTP Version Not Supported", {});
        break;
      case request_head::whole:
        answer(one, request);
        break;
    }
  }
  one.head = {};
  return true;
}

void http_server::answer(client& one, const http_request& request) {
  one.is_head = request.method == "HEAD";
  if (answers_) return answer_anew(one, request);
  bool has_forms = false;
  const std::size_t at = page_for(request, has_forms);
  if (at == pages_.size()) return refuse(one, "404 Not Found", {});
  if (!one.is_head && request.method != "GET")
    return refuse(one, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
  try {
    if (!texts_[at]) texts_[at] = std::make_shared<const std::string>(pages_[at].make());
  } catch (const http_unavailable& e) {
    return refuse(one, "503 Service Unavailable", {}, e.text());
  } catch (const std::exception&) {
    // No memory for it; there may be some at the next scrape.
    return refuse(one, "503 Service Unavailable", {});
  }
  one.for_page = true;
  set_answer(one, "200 OK", has_forms ? "Vary: Accept\r\n" : "", pages_[at].content_type,
             texts_[at]);
}

void http_server::answer_anew(client& one, const http_request& request) {
  if (!one.is_head && request.method != "GET")
    return refuse(one, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
  http_answer said;
  try {
    said = answers_(request.path);
  } catch (const std::exception&) {
    return refuse(one, "503 Service Unavailable", {});
  }
  one.for_page = said.status.starts_with('2');
  set_answer(one, said.status, {}, said.content_type,
             std::make_shared<const std::string>(std::move(said.body)));
}

// The number of the page; that of pages where there is none.
std::size_t http_server::page_for(const http_request& request, bool& has_forms) const noexcept {
  std::size_t best = pages_.size();
  unsigned most = 0;
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i].path != request.path) continue;
    const unsigned weight = wanted(request.fields, pages_[i].content_type);
    has_forms = best != pages_.size();
    if (has_forms && weight <= most) continue;
    best = i;
    most = weight;
  }
  return best;
}

// `text`: what the answer says besides its status.
void http_server::refuse(client& one, std::string_view status, std::string_view fields,
                         std::string_view text) {
  set_answer(
      one, status, fields, "text/plain; charset=utf-8",
      std::make_shared<const std::string>(fmt::format("{}\n", text.empty() ? status : text)));
}

void http_server::set_answer(client& one, std::string_view status, std::string_view fields,
                             std::string_view type, std::shared_ptr<const std::string> body) {
  one.answer = fmt::format(
      "HTTP/1.1 {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\nContent-Type: {}\r\n"
      "Content-Length: {}\r\n{}Connection: close\r\n\r\n",
      status, fmt::gmtime(std::time(nullptr)), type, body->size(), fields);
  if (!one.is_head) one.body = std::move(body);
  one.answering = true;
}

bool http_server::write_answer(client& one) {
  const std::string_view body = one.body ? std::string_view(*one.body) : std::string_view();
  const std::size_t size = one.answer.size() + body.size();
  while (one.sent < size) {
    const std::string_view first =
        std::string_view(one.answer).substr(std::min(one.sent, one.answer.size()));
    const std::string_view rest = body.substr(one.sent - (one.answer.size() - first.size()));
    // sendmsg(2) does not write to what it is given.
    std::array<iovec, 2> parts{{{const_cast<char*>(first.data()), first.size()},
                                {const_cast<char*>(rest.data()), rest.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t n = ::sendmsg(one.socket.get(), &message, MSG_NOSIGNAL);
    if (n >= 0)
      one.sent += static_cast<std::size_t>(n);
    else if (errno == ENOBUFS || errno == ENOMEM || would_block(errno))
      return true;
    else if (errno != EINTR)
      return false;
  }
  (one.for_page ? counts_.answered : counts_.refused).add();
  one.body.reset();
  one.answer = {};
  one.answered = true;
  // It hears the end, and closes. Closed here with something of its unread, as the body of a
  // request, the connection would be reset, and the answer lost with it.
  (void)::shutdown(one.socket.get(), SHUT_WR);
  return true;
}

bool http_server::await_end(client& one) {
  std::array<char, 4096> nothing;
  while (one.ignored <= most_ignored) {
    const ssize_t got = ::recv(one.socket.get(), nothing.data(), nothing.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 && would_block(errno);
    one.ignored += static_cast<std::size_t>(got);
  }
  return false;
}

}  // namespace tcpinfo::collect
