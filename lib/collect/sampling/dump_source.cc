// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/dump_source.h"

#include <time.h>

#include <cerrno>
#include <utility>

#include "collect/sampling/own_end.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// Old kernels and sandboxes refuse the groups. Where there is no inet_diag at all, dumps fail, too.
// A shortage is no refusal: the system may have at the next try what it lacks now.
bool may_be_refusal_of_groups(const std::error_code& ec) noexcept {
  for (const int lack : {EMFILE, ENFILE, ENOMEM, ENOBUFS})
    if (is_errno(ec, lack)) return false;
  return ec.category() == std::system_category();
}

bool is_refusal(const std::error_code& ec) noexcept {
  return is_errno(ec, EINVAL) || is_errno(ec, EOPNOTSUPP) || is_errno(ec, ENOENT);
}

}  // namespace

std::error_code dump_source::probe(message_sink& sink) noexcept {
  if (const auto ec = dumps_.open()) return ec;
  // All sockets: what is excluded now may not always be.
  const bool filtering = std::exchange(kernel_filters_, false);
  const std::error_code ec = dump(sink).error;
  kernel_filters_ = filtering;
  return ec;
}

std::error_code dump_source::open() {
  // Events first: what closes after the first dump began must not be missed.
  listener_options listening;
  listening.receive_buffer = options_.event_buffer;
  if (const auto ec = events_.open(listening)) {
    if (!may_be_refusal_of_groups(ec)) return ec;
    ends_refused_ = ec;
  } else {
    heard_an_end_ = !end_own_socket();
  }
  if (const auto ec = dumps_.open()) return ec;
  if (const auto ec = queries_.open()) return ec;
  // A kernel that does not take the filter queues the answers, which is dearer and nothing else.
  if (kept_ != nullptr) (void)keep_answers(queries_, kept_->area());
  return {};
}

std::error_code dump_source::dump_of(dump_families kind, message_sink& sink,
                                     poll_report& report) noexcept {
  struct context {
    dump_source* self;
    message_sink* sink;
  } both{this, &sink};
  dump_request request;
  request.families = kind;
  request.states = states_;
  request.extensions = all_extensions;
  if (kernel_filters_ && options_.exclude != nullptr && !options_.exclude->empty())
    request.filter = options_.exclude;
  // A dump of many sockets takes longer than the queue of events has room for.
  request.between = [](void* user) noexcept {
    auto* c = static_cast<context*>(user);
    // The sampler drains after the poll, too: it finds and reports what is wrong.
    (void)c->self->drain(*c->sink);
    c->self->give_way();
    c->self->in_datagram_ = false;
    return iteration::go_on;
  };
  request.between_user = &both;
  in_datagram_ = false;
  const auto ec = dumps_.dump(request, [&](const message& m) noexcept {
    if (!std::exchange(in_datagram_, true)) sink.on_datagram();
    sink.on_socket(m);
  });
  const std::int64_t took_ns = dumps_.counter(dump_counter::duration_ns);
  report.duration_ns += took_ns;
  (kind == dump_families::both   ? report.both_ns
   : kind == dump_families::ipv4 ? report.ipv4_ns
                                 : report.ipv6_ns) = took_ns;
  report.messages += dumps_.counter(dump_counter::messages);
  report.bytes += dumps_.counter(dump_counter::bytes);
  return ec;
}

// The kernel holds no lock meanwhile: it goes on where it was at the next request for more.
void dump_source::give_way() noexcept {
  constexpr unsigned datagrams_a_rest = 4;  // half a millisecond's work
  constexpr timespec pause{0, 2'000'000};
  if (gentle_.load(std::memory_order_relaxed) && ++datagrams_ % datagrams_a_rest == 0)
    (void)::nanosleep(&pause, nullptr);
}

poll_report dump_source::dump_states(std::uint32_t states, message_sink& sink) noexcept {
  states_ = states;
  poll_report report;
  std::error_code ec;
  if (one_dump_) {
    ec = dump_of(dump_families::both, sink, report);
    if (!is_refusal(ec) || report.messages > 0) {
      report.error = ec;
      report.complete = !ec;
      return report;
    }
  }
  // The kernel does not know the request for both, or not with this filter: find out which.
  ec = dump_of(dump_families::ipv4, sink, report);
  if (is_refusal(ec) && ec.value() == EINVAL && kernel_filters_) {
    kernel_filters_ = false;
    return dump_states(states, sink);
  }
  if (!ec) {
    one_dump_ = false;
    ec = dump_of(dump_families::ipv6, sink, report);
    // A kernel without IPv6 has no IPv6 sockets either.
    if (is_refusal(ec) && ec.value() != EINVAL) ec = {};
  }
  report.error = ec;
  report.complete = !ec;
  return report;
}

std::error_code dump_source::drain(message_sink& sink) noexcept {
  // There is no descriptor where the groups were refused.
  if (events_.descriptor() < 0) return {};
  // Each is a datagram of its own.
  return events_.receive([&](const message& m) noexcept {
    heard_an_end_ = true;
    sink.on_datagram();
    sink.on_destroyed(m);
  });
}

int dump_source::descriptor() const noexcept { return events_.descriptor(); }

std::error_code dump_source::query(const socket_id& id, message_sink& sink) noexcept {
  return queries_.query(id, all_extensions, [&](const message& m) noexcept {
    sink.on_datagram();
    sink.on_socket(m);
  });
}

void dump_source::query_all(std::span<const socket_id> ids, answer_callback fn,
                            void* user) noexcept {
  std::size_t told = 0;
  const auto ec = queries_.query_all(ids, all_extensions, [&](const query_answer& a) noexcept {
    ++told;
    return fn(user, a);
  });
  // Nothing could be sent: the caller hears of each query all the same.
  if (ec)
    for (std::size_t i = told; i < ids.size(); ++i) fn(user, {i, ec, {}});
}

std::int64_t dump_source::event_overflows() const noexcept {
  // Events that came cut or malformed are lost just as well.
  return events_.counter(dump_counter::overflows) + events_.counter(dump_counter::refused_messages);
}

}  // namespace tcpinfo::collect
