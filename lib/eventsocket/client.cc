// SPDX-License-Identifier: Apache-2.0
//
// Bytes come as the socket has them; lines are parsed where they lie in the buffer.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include <tcpinfo/eventsocket.h>

#include "archive/text.h"
#include "common/blank_line.h"
#include "common/errno_of.h"
#include "eventsocket/parse.h"

namespace tcpinfo::inline v0 {
namespace {

// Room for some 80 events; a longer line makes it grow.
constexpr std::size_t first_capacity = std::size_t{16} << 10;

bool are_sensible(const event_client_options& options) noexcept {
  return options.max_line != 0 && options.nonblocking <= 1 && options.reserved == 0;
}

}  // namespace

struct [[gnu::visibility("hidden")]] event_client::impl {
  int fd = -1;
  bool ended = false;     // no more bytes will come
  bool skipping = false;  // inside a line that is too long
  std::size_t max_line = 0;
  // Unread bytes are [begin, end), of which those before `scanned` hold no newline. Behind the
  // capacity there is simdjson's padding.
  std::unique_ptr<char[]> buffer;
  std::size_t capacity = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t scanned = 0;
  std::string_view line;
  flow_event event;
  simdjson::dom::parser parser;

  ~impl() { close(); }
  void close() noexcept {
    if (fd >= 0) (void)::close(fd);
    fd = -1;
    ended = skipping = false;
    begin = end = scanned = 0;
    line = {};
  }

  [[nodiscard]] std::error_code start(const event_client_options& options) noexcept;
  [[nodiscard]] std::error_code make_room() noexcept;
  [[nodiscard]] std::error_code fill() noexcept;
  [[nodiscard]] std::error_code take(std::size_t line_end, std::size_t next) noexcept;
  [[nodiscard]] std::error_code take_last(bool& more) noexcept;
};

std::error_code event_client::impl::start(const event_client_options& options) noexcept {
  max_line = options.max_line;
  if (options.nonblocking == 0) return {};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return last_error();
  return {};
}

// For at least one byte.
std::error_code event_client::impl::make_room() noexcept {
  if (end < capacity) return {};
  if (begin > 0) {
    std::memmove(buffer.get(), buffer.get() + begin, end - begin);
    end -= begin;
    scanned -= begin;
    begin = 0;
    return {};
  }
  const std::size_t wanted = std::max(first_capacity, 2 * capacity);
  std::unique_ptr<char[]> larger(new (std::nothrow) char[wanted + simdjson::SIMDJSON_PADDING]());
  if (larger == nullptr) return errc::out_of_memory;
  if (end > 0) std::memcpy(larger.get(), buffer.get(), end);
  buffer = std::move(larger);
  capacity = wanted;
  return {};
}

std::error_code event_client::impl::fill() noexcept {
  // What is read before the newline of a line that is too long goes unread.
  if (skipping || end - begin > max_line) {
    skipping = true;
    begin = end = scanned = 0;
  }
  if (begin == end) begin = end = scanned = 0;
  if (const auto ec = make_room()) return ec;
  const ssize_t got = ::read(fd, buffer.get() + end, capacity - end);
  if (got > 0) {
    end += static_cast<std::size_t>(got);
  } else if (got == 0) {
    ended = true;
  } else {
    const std::error_code ec = last_error();
    ended = ec.value() != EAGAIN && ec.value() != EINTR;
    return ec;
  }
  return {};
}

// The line [begin, line_end); what follows begins at `next`.
std::error_code event_client::impl::take(std::size_t line_end, std::size_t next) noexcept {
  const char* const text = buffer.get() + begin;
  const std::size_t size = line_end - begin;
  std::error_code ec;
  if (skipping || size > max_line) {
    line = {};
    ec = errc::line_too_long;
  } else {
    line = {text, size};
    ec = parse_flow_event(parser, text, size, event);
    if (ec == errc::out_of_memory) return ec;  // it is still there
  }
  skipping = false;
  begin = scanned = next;
  return ec;
}

// After the last newline.
std::error_code event_client::impl::take_last(bool& more) noexcept {
  const bool nothing = !skipping && is_blank({buffer.get() + begin, end - begin});
  if (nothing) {
    begin = scanned = end;
    line = {};
    more = false;
    return {};
  }
  const auto ec = take(end, end);
  if (ec == errc::bad_json || ec == errc::line_too_long) return errc::unterminated_line;
  return ec;
}

event_client::event_client(event_client&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}

event_client& event_client::operator=(event_client&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

event_client::~event_client() { delete impl_; }

std::error_code event_client::adopt(int descriptor, const event_client_options& given) noexcept {
  event_client_options options;
  std::error_code fault = read_known(given, options);
  if (!fault && (descriptor < 0 || !are_sensible(options))) fault = errc::invalid_argument;
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) {
    if (descriptor >= 0) (void)::close(descriptor);
    return errc::out_of_memory;
  }
  impl_->close();
  if (fault) {
    if (descriptor >= 0) (void)::close(descriptor);
    return fault;
  }
  impl_->fd = descriptor;
  const auto ec = impl_->start(options);
  if (ec) impl_->close();
  return ec;
}

std::error_code event_client::connect(std::string_view path,
                                      const event_client_options& options) noexcept {
  close();
  // A leading NUL would name an abstract socket, which has no file mode to protect it.
  if (path.empty() || path.find('\0') != std::string_view::npos) return errc::invalid_argument;
  event_client_options known;
  if (const std::error_code ec = read_known(options, known)) return ec;
  if (!are_sensible(known)) return errc::invalid_argument;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return system_error(ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool nonblocking = known.nonblocking != 0;
  const int fd =
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);
  if (fd < 0) return last_error();
  // The address family's own type, as every call of the socket interface takes it.
  const auto* const name = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (::connect(fd, name, sizeof address) != 0) {
    const std::error_code ec = last_error();
    (void)::close(fd);
    return ec;
  }
  return adopt(fd, options);
}

void event_client::close() noexcept {
  if (impl_ != nullptr) impl_->close();
}

int event_client::descriptor() const noexcept { return impl_ == nullptr ? -1 : impl_->fd; }

std::string_view event_client::line() const& noexcept {
  return impl_ == nullptr ? std::string_view() : impl_->line;
}

std::error_code event_client::next(flow_event& out, bool& more) noexcept {
  more = false;
  if (impl_ == nullptr || impl_->fd < 0) return errc::not_open;
  if (out.size < sizeof out.size) return errc::invalid_argument;
  impl& r = *impl_;
  more = true;
  std::error_code ec;
  for (;;) {
    const char* const from = r.buffer.get() + r.scanned;
    const void* const found =
        r.scanned < r.end ? std::memchr(from, '\n', r.end - r.scanned) : nullptr;
    if (found != nullptr) {
      const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - r.buffer.get());
      if (!r.skipping && is_blank({r.buffer.get() + r.begin, at - r.begin})) {
        r.begin = r.scanned = at + 1;
        continue;
      }
      ec = r.take(at, at + 1);
      break;
    }
    r.scanned = r.end;
    if (r.ended) {
      ec = r.take_last(more);
      break;
    }
    ec = r.fill();
    if (ec) return ec;
  }
  if (!ec && more) fill_known(out, r.event);
  return ec;
}

}  // namespace tcpinfo::inline v0
