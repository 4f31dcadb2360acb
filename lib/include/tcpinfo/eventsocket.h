// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The event socket: which connections open and close, as tcpinfo-collect --eventsocket tells it to
/// programs beside it. A unix stream socket, one JSON object a line (docs/format.md, "Event
/// socket"). Here are the client for it, and the writer of its lines. M-Lab's tcp-info serves the
/// same format; its Interface is byte-swapped and its close times carry the local offset.
#ifndef TCPINFO_EVENTSOCKET_H
#define TCPINFO_EVENTSOCKET_H

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <tcpinfo/archive.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/items.h>

namespace tcpinfo::inline v0 {

/// What happened. A value not named here is a newer server's and is handed over as it came.
enum class flow_event_kind : std::int64_t {
  opened = 0,  ///< the connection was seen for the first time; `id` is there
  closed = 1,  ///< it has ended; `id` is not there
};

/// One event. Plain data; the views are the caller's when writing, and the client's, valid until
/// its next call, when reading.
struct flow_event {
  std::size_t size = sizeof(flow_event);           ///< for later members; leave it
  flow_event_kind kind = flow_event_kind::opened;  ///< opened, closed, or what a newer server tells
  timestamp time = {};  ///< when the connection was first or last seen; zero where not told
  std::string_view uuid =
      {};                    ///< of the connection, as in its archive's name; empty where not told
  std::uint32_t has_id = 0;  ///< 1 where `id` was told
  std::uint32_t unknown_keys = 0;  ///< reading: keys that are not of the format; line() has them
  socket_id id = {};               ///< of the socket; of no meaning where `has_id` is 0
  /// Whose the connection is as far as the server knows by now, and is asked to tell
  /// (--events-owner): each as in `metadata`, empty where not told.
  std::string_view cgroup = {};
  std::string_view owner = {};       ///< how the owner was found
  std::string_view pid = {};         ///< the owner's process, in decimal
  std::string_view comm = {};        ///< its name
  std::string_view executable = {};  ///< and the path of its program
};

/// Bytes that suffice for the line of `e`.
[[nodiscard]] TCPINFO_API std::size_t max_flow_event_size(const flow_event& e) noexcept;

/// Writes one event, newline included, to the start of `out`: keys in the format's order, no
/// spaces, `"ID":null` without an id, IPv4-mapped addresses as IPv4 ones, of the owner only what is
/// not empty. Allocates nothing. Any thread. `written` is the line's length, 0 on error.
/// @return errc::buffer_too_small (never with max_flow_event_size(e) bytes); errc::bad_timestamp
/// where the time cannot be written; errc::invalid_argument for members unknown here.
[[nodiscard]] TCPINFO_API std::error_code encode_flow_event(std::span<char> out,
                                                            std::size_t& written,
                                                            const flow_event& e) noexcept;

/// How events are read.
struct event_client_options {
  std::size_t size = sizeof(event_client_options);  ///< for later members; leave it
  std::size_t max_line = std::size_t{1} << 20;      ///< bytes of the longest line, newline apart
  /// 1: no call waits; next() says EAGAIN where nothing has come. 0: next() waits.
  std::uint32_t nonblocking = 0;
  std::uint32_t reserved = 0;  ///< leave it
};

/// Follows an event socket. Starts no thread, and leaves it to the caller when to connect again:
/// the events missed in between are lost, unless the server was told to replay what is open
/// (--events-replay). A server cuts off a client that does not read for long. One thread at a time.
class TCPINFO_API event_client final {
 private:
  struct step {
    using value_type = flow_event;
    event_client* from;
    read_status operator()(flow_event& out, std::error_code& fault, read_place&,
                           bool& last) const noexcept {
      bool more = true;
      fault = from->next(out, more);
      last = !more;
      if (fault == std::error_code(EAGAIN, std::system_category())) {
        fault.clear();
        return read_status::not_yet;
      }
      if (fault) return read_status::fault;
      return more ? read_status::value : read_status::end;
    }
  };

 public:
  /// What items() gives.
  using items_type = read_range<step>;

  event_client() noexcept = default;
  ~event_client();
  /// `other` is default-constructed afterwards: it is closed.
  event_client(event_client&& other) noexcept;
  /// `other` has what this had.
  event_client& operator=(event_client&& other) noexcept;
  event_client(const event_client&) = delete;
  event_client& operator=(const event_client&) = delete;

  /// Connects (again; what was not read before is dropped).
  /// @return errc::invalid_argument for an empty path, one with a NUL in it, a `max_line` of 0, or
  /// options unknown here; the errno of
  /// socket(2) or connect(2): ENOENT no such file, ECONNREFUSED nobody listens, ENAMETOOLONG more
  /// than 107 bytes, EAGAIN (nonblocking) the server's queue of callers is full;
  /// errc::out_of_memory. Then it is closed.
  [[nodiscard]] std::error_code connect(std::string_view path,
                                        const event_client_options& options = {}) noexcept;
  /// Reads from a descriptor that is connected already, or a pipe or file. It is the client's from
  /// here on, whatever is returned; with `nonblocking` its file description is made so.
  /// @return errc::invalid_argument for a negative one, a `max_line` of 0, or options unknown here;
  /// the errno of fcntl(2); errc::out_of_memory.
  /// Then it is closed.
  [[nodiscard]] std::error_code adopt(int descriptor,
                                      const event_client_options& options = {}) noexcept;
  /// Closes the descriptor; what was not read is dropped. Buffers are kept.
  void close() noexcept;

  /// Becomes readable when next() has something to do, for poll(2) and its like. Call next() until
  /// it says EAGAIN before waiting again: one read can bring many events. Owned by the client, -1
  /// when closed.
  [[nodiscard]] int descriptor() const noexcept;

  /// The events, as items.h describes it: each item is an event, valid until the next step, or a
  /// fault as next() has them; line() has the line. Places are not counted: they are 0. With
  /// `nonblocking` the loop also ends when nothing has come (status() of the range is `not_yet`):
  /// wait until descriptor() is readable, and begin another loop over the same range.
  [[nodiscard]] items_type items() & noexcept TCPINFO_LIFETIMEBOUND { return items_type({this}); }
  /// Of a client that would be gone before the loop begins.
  items_type items() && = delete;

  /// One step of items(), for who binds the library to another language.
  /// Reads the next event; `more` tells success (true, `out` is filled as far as `out.size` says)
  /// from the end of the stream (false: the server has closed it). With `more` true the error is
  /// - EAGAIN (system category): nothing has come; only with `nonblocking`.
  /// - EINTR: a signal handler ran while waiting; call again.
  /// - a fault of one line: errc::bad_json (no object, a byte-order mark before it, a known key
  ///   twice or of the wrong type, no Event), errc::bad_timestamp, errc::line_too_long. Reading
  ///   goes on at the next line, and line() has the bad one. Blank lines are skipped.
  /// - errc::unterminated_line: the stream ended inside a line. One that is a whole event is
  ///   delivered.
  /// - errc::out_of_memory: nothing was lost; call again.
  /// - an errno of read(2), then the end.
  /// errc::not_open comes with `more` false. Unknown keys and kinds of event are no fault.
  [[nodiscard]] std::error_code next(flow_event& out, bool& more) noexcept;

  /// The latest line as it came, without newline, unknown keys and all. Valid until the next call.
  [[nodiscard]] std::string_view line() const& noexcept TCPINFO_LIFETIMEBOUND;
  std::string_view line() const&& = delete;  // of a client that ends here

 private:
  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#endif
