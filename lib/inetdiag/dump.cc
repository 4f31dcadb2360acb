// SPDX-License-Identifier: Apache-2.0
//
// A dump: one request, answered in datagrams until NLMSG_DONE. dump() waits for each; an event loop
// does so itself between start() and receive().
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <tcpinfo/inetdiag.h>
#include <time.h>

#include <cerrno>
#include <new>

#include "common/errno_of.h"
#include "common/known_part.h"
#include "inetdiag/bytecode.h"
#include "inetdiag/diag_socket_impl.h"
#include "inetdiag/filter_access.h"

namespace tcpinfo::inline v0 {
namespace {

std::int64_t monotonic_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

// The program of filter and bytecode together.
std::error_code diag_socket::impl::compile(const dump_request& request) noexcept try {
  dump.program = {};
  dump.judged_by_kernel = true;
  if (request.filter != nullptr) {
    if (const auto ec = request.filter->program(dump.program)) return ec;
    dump.judged_by_kernel = request.filter->program_is_whole();
  }
  if (request.bytecode.empty()) return {};
  // A copy in any case: the second of two walks sends it again.
  if (dump.program.empty())
    joined.assign(request.bytecode.begin(), request.bytecode.end());
  else
    join_bytecode(request.bytecode, dump.program, joined);
  dump.program = joined;
  return dump.program.size() > bytecode::most_bytes ? errc::filter_too_large : errc::ok;
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

std::error_code diag_socket::impl::begin(const dump_request& given) noexcept {
  dump_request request;
  if (const auto ec = read_known(given, request)) return ec;
  if (const auto ec = check_request(request)) return ec;
  if (request.filter != nullptr) {
    request.states = filter_access::states(*request.filter, request.states);
    if (request.states == 0) return errc::empty_request;
  }
  if (const auto ec = compile(request)) return ec;
  counters.reset();
  if (const auto ec = ready(request.timeout_ns)) return ec;
  dump.request = request;
  dump.first_fault = {};
  dump.second_walk = false;
  dump.started_ns = monotonic_ns();
  dump.active = true;
  if (const auto ec = send_dump()) {
    dump.first_fault = ec;
    return finish(false);
  }
  return {};
}

std::error_code diag_socket::impl::send_dump() noexcept {
  const dump_request& request = dump.request;
  if (request.families == dump_families::both && request.protocol == transport::tcp) {
    inet_diag_req body{};
    body.idiag_ext = static_cast<std::uint8_t>(request.extensions);
    body.idiag_states = request.states;
    return send(TCPDIAG_GETSOCK, NLM_F_DUMP, std::as_bytes(std::span(&body, 1)), dump.program,
                request.protocol);
  }
  const bool v6 = request.families == dump_families::ipv6 || dump.second_walk;
  inet_diag_req_v2 body{};
  body.sdiag_family = v6 ? AF_INET6 : AF_INET;
  body.sdiag_protocol = protocol_byte(request.protocol);
  body.idiag_ext = static_cast<std::uint8_t>(request.extensions);
  body.idiag_states = request.states;
  return send(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, std::as_bytes(std::span(&body, 1)), dump.program,
              request.protocol);
}

// Whether that was all; else the other family is asked for.
bool diag_socket::impl::walk_has_ended() noexcept {
  const bool two = dump.request.families == dump_families::both &&
                   dump.request.protocol != transport::tcp && !dump.second_walk;
  if (!two || dump.first_fault) return true;
  dump.second_walk = true;
  dump.first_fault = send_dump();
  return static_cast<bool>(dump.first_fault);
}

// One message of a dump. False: the walk has ended.
bool diag_socket::impl::take(const datagram_item& item, message_callback fn, void* user,
                             bool& stopped) noexcept {
  const auto note = [this](std::error_code ec) {
    if (!dump.first_fault) dump.first_fault = ec;
  };
  if (item.interrupted() && item.status != datagram_status::malformed) {
    ++counters[dump_counter::interrupted];
    note(errc::dump_incomplete);
  }
  switch (item.status) {
    case datagram_status::message: {
      const message m = item.answer();
      if (!dump.judged_by_kernel && !filter_access::passes_here(*dump.request.filter, m))
        return true;
      if (stopped) {
        ++counters[dump_counter::dropped];
        return true;
      }
      ++counters[dump_counter::messages];
      const callback_scope scope(in_callback);
      stopped = fn(user, m) == iteration::stop;
      return true;
    }
    case datagram_status::done:
      counters[dump_counter::done_status] = item.code;
      if (item.code < 0) note(item.error());
      return !walk_has_ended();
    case datagram_status::error:
      // A kernel without IPv6 has no IPv6 sockets either.
      if (dump.second_walk && item.code == -ENOENT) return false;
      note(item.code < 0 ? item.error() : std::error_code(errc::unexpected_reply));
      return false;
    case datagram_status::request:  // the kernel makes none
    case datagram_status::other:
      if (item.type == NLMSG_NOOP) return true;
      ++counters[dump_counter::refused_messages];
      note(errc::unexpected_reply);
      return true;
    case datagram_status::too_short:
      ++counters[dump_counter::refused_messages];
      note(errc::message_too_short);
      return true;
    case datagram_status::malformed:
      ++counters[dump_counter::refused_messages];
      note(errc::malformed_attribute);
      return false;
  }
  return true;
}

std::error_code diag_socket::impl::read_datagram(message_callback fn, void* user, int flags,
                                                 bool& done) noexcept {
  bytes_view datagram;
  if (const auto ec = receive(datagram, flags)) {
    if ((flags & MSG_DONTWAIT) != 0 && is_errno(ec, EAGAIN)) return {};
    // A truncated datagram's end is missing, perhaps with the NLMSG_DONE we would wait for.
    if (!dump.first_fault) dump.first_fault = ec;
    done = true;
    return finish(false);
  }
  bool stopped = false;
  for (const datagram_item& item : messages(datagram)) {
    if (!is_answer(item)) continue;
    if (take(item, fn, user, stopped)) continue;
    done = true;
    break;
  }
  if (!done && !stopped) return {};
  done = true;
  return finish(stopped);
}

// Whatever the kernel still has to say on this socket belongs to a dump that failed, or is not
// wanted any more.
std::error_code diag_socket::impl::finish(bool stopped) noexcept {
  dump.active = false;
  counters[dump_counter::duration_ns] = monotonic_ns() - dump.started_ns;
  const std::error_code ec = stopped ? errc::stopped : dump.first_fault;
  if (!ec) {
    counters[dump_counter::completed] = 1;
    return {};
  }
  if (reopen()) socket.close();
  return ec;
}

std::error_code diag_socket::dump(const dump_request& request, message_callback fn,
                                  void* user) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy()) return errc::busy;
  if (fn == nullptr) return errc::invalid_argument;
  if (const auto ec = impl_->begin(request)) return ec;
  const dump_request& known = impl_->dump.request;
  for (bool done = false;;) {
    const auto ec = impl_->read_datagram(fn, user, 0, done);
    if (done) return ec;
    if (known.between == nullptr) continue;
    iteration next = iteration::go_on;
    {
      const callback_scope scope(impl_->in_callback);
      next = known.between(known.between_user);
    }
    if (next == iteration::stop) return impl_->finish(true);
  }
}

std::error_code diag_socket::start(const dump_request& request) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy()) return errc::busy;
  return impl_->begin(request);
}

std::error_code diag_socket::receive(message_callback fn, void* user, bool& done) noexcept {
  done = false;
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->in_callback) return errc::busy;
  if (fn == nullptr) return errc::invalid_argument;
  if (!impl_->dump.active) return errc::empty_request;
  return impl_->read_datagram(fn, user, MSG_DONTWAIT, done);
}

std::error_code diag_socket::cancel() noexcept {
  if (impl_ == nullptr) return {};
  if (impl_->in_callback) return errc::busy;
  if (!impl_->dump.active) return {};
  impl_->dump.active = false;
  return impl_->reopen();
}

}  // namespace tcpinfo::inline v0
