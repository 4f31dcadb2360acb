// SPDX-License-Identifier: Apache-2.0
//
// Serves a few pages over HTTP to whoever asks, and lets no client keep others waiting: one thread
// looks at all of them and waits for none. All that clients take is bounded: how many there are,
// how long one stays, what it may send, what waits for them. Where that is too much one goes of
// whom takes most: of an address, a network of IPv6, a user of a UNIX socket. One request a
// connection, because a scraper comes once in some seconds.
#ifndef TCPINFO_COLLECT_SERVING_HTTP_SERVER_H
#define TCPINFO_COLLECT_SERVING_HTTP_SERVER_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "collect/listen_address.h"
#include "collect/os/descriptor.h"
#include "collect/os/listening.h"
#include "collect/os/wake_event.h"
#include "collect/serving/http_request.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// Pages of one path are forms of one page: a client gets the one that it wants most by its Accept
/// field, of those wanted alike the first, and the first, too, where it wants none.
struct http_page {
  std::string path;
  std::string content_type;
  /// Makes its text, on the server's thread. May throw: the client is answered 503 then.
  std::function<std::string()> make;
};

struct http_answer {
  std::string status = "200 OK";
  std::string content_type;
  std::string body;
};
/// Answers a request for `path`, on the server's thread. May throw: the client is answered 503
/// then.
using http_answerer = std::function<http_answer(std::string_view path)>;

/// Thrown by a page's make(): the answer is 503 and says this.
class http_unavailable : public std::exception {
 public:
  explicit http_unavailable(std::string text) noexcept : text_(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

struct http_server_options {
  std::size_t max_clients = 256;  ///< descriptors
  /// Bytes of texts that wait to be read, where more than one client has one.
  std::size_t max_waiting = std::size_t{64} << 20;
  std::size_t max_head = 8192;        ///< bytes of a request up to its empty line
  std::chrono::seconds patience{30};  ///< for a client's whole visit
};

/// Any thread reads them.
struct http_counts {
  counter answered;  ///< requests for a page whose answer the system took
  counter refused;   ///< requests for something else or something unavailable, and what is none
  counter cut_off;   ///< clients that were ended without a whole answer: too many or too slow, or
                     ///< what waits for them takes too much
};

class http_server {
 public:
  explicit http_server(std::vector<http_page> pages, http_server_options options = {})
      : pages_(std::move(pages)), texts_(pages_.size()), options_(options) {}
  explicit http_server(http_page page, http_server_options options = {})
      : http_server(std::vector<http_page>{std::move(page)}, options) {}
  /// One that answers each request anew, whatever its path.
  explicit http_server(http_answerer answers, http_server_options options = {})
      : answers_(std::move(answers)), options_(options) {}
  ~http_server() { finish(); }
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Listens and starts the thread. In `where` port 0 is replaced by the one that was free.
  /// @return why it cannot: an errno.
  [[nodiscard]] std::error_code start(listen_address& where);
  /// The same with a socket that listens, and does not block; it outlives the thread. Either throws
  /// std::bad_alloc.
  [[nodiscard]] std::error_code start(int listener);
  /// Ends the thread and all clients.
  void finish() noexcept;
  [[nodiscard]] const http_counts& counts() const noexcept { return counts_; }

 private:
  using clock = std::chrono::steady_clock;
  struct client {
    descriptor socket;
    caller_origin origin;
    clock::time_point leaves;  // at the latest
    std::string head;          // of the request, as far as it has come
    bool is_head = false;      // wants no body
    bool answering = false;
    bool for_page = false;
    std::string answer;  // status line and header fields
    std::shared_ptr<const std::string> body;
    std::size_t sent = 0;     // of answer and body
    bool answered = false;    // only its end is waited for
    std::size_t ignored = 0;  // bytes that came after the request
  };
  using clients = std::list<client>;  // who came first is first
  struct tally {
    clients::iterator oldest;
    std::size_t weight;  // of all clients of its origin
  };

  void run() noexcept;
  void turn();
  void accept_callers();
  template <class Weight>
  [[nodiscard]] clients::iterator oldest_of_greediest(const Weight& weight_of) noexcept;
  void make_room() noexcept;
  void keep_budget() noexcept;
  void cut_off(clients::iterator one) noexcept;
  // These return false where the client is to go.
  [[nodiscard]] bool serve(client& one);
  [[nodiscard]] bool read_head(client& one);
  [[nodiscard]] bool write_answer(client& one);
  [[nodiscard]] bool await_end(client& one);
  void answer(client& one, const http_request& request);
  void answer_anew(client& one, const http_request& request);
  [[nodiscard]] std::size_t page_for(const http_request& request, bool& has_forms) const noexcept;
  void refuse(client& one, std::string_view status, std::string_view fields,
              std::string_view text = {});
  void set_answer(client& one, std::string_view status, std::string_view fields,
                  std::string_view type, std::shared_ptr<const std::string> body);

  const std::vector<http_page> pages_;
  const http_answerer answers_;  // in place of pages
  // Those made in this turn already: requests that come together share them.
  std::vector<std::shared_ptr<const std::string>> texts_;
  const http_server_options options_;
  http_counts counts_;
  descriptor listener_;  // where it is the server's own
  int listens_ = -1;
  wake_event wake_;
  clients clients_;
  std::vector<tally> tallies_;  // of oldest_of_greediest(), which has no time to wait for memory
  clock::time_point accepting_from_{};
  std::atomic<bool> finishing_{false};
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
