// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/follow_command.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>

#include "offline/filters/unmet.h"
#include "offline/inputs/held_file.h"
#include "offline/inputs/now.h"

namespace tcpinfo::offline {
namespace {

/// SIGINT and SIGTERM as a descriptor.
class end_signals {
 public:
  end_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
    signals_ = held_file(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  // What has come is taken first: it would end the process.
  ~end_signals() {
    signalfd_siginfo taken;
    while (::read(signals_.fd(), &taken, sizeof taken) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  end_signals(const end_signals&) = delete;
  end_signals& operator=(const end_signals&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return signals_.fd(); }

 private:
  sigset_t before_{};
  held_file signals_;
};

class following {
 public:
  following(output& out, int out_descriptor, const follow_options& options, const say& complain)
      : out_(out),
        out_descriptor_(out_descriptor),
        complain_(complain),
        filter_(options.filter),
        printer_(options.print),
        follower_(
            options.folder, options.reading,
            [this](input_record& r, std::optional<bool>& wanted) { return take(r, wanted); },
            [this](const input_fault& f) { return hear(f); }) {
    if (options.duration_ns != 0) end_ns_ = monotonic_now_ns() + options.duration_ns;
  }

  int run() {
    bool going = follower_.begin();
    while (going && out_.flush() && wait()) going = follower_.take();
    // A connection that is named and was not met may come yet: no fault.
    if (out_.flush()) tell_none_passed(filter_.options(), counts_, false, "record", complain_);
    return end_status(out_, trouble_, complain_);
  }

 private:
  bool hear(const input_fault& f) {
    if (!f.note) trouble_ = true;
    out_.flush();  // on a terminal both come in order
    complain_(to_string(f));
    return true;
  }

  // The last record of a connection that was aborted here has no remote port. What came before it
  // in its file tells, as long as that is one connection's.
  bool wants(const input_record& r, std::optional<bool>& wanted) {
    const bool is_end = r.m.state() == static_cast<std::uint8_t>(tcp_state::close);
    if (is_end && r.m.dport() == 0 && wanted && !*wanted) return false;
    const bool by_ends = filter_.wants_connection(r.uuid(), r.m.id(), is_end && r.m.dport() == 0);
    if (r.context->source == uuid_source::metadata && r.m.dport() != 0) wanted = by_ends;
    return filter_.wants(r);
  }

  bool take(input_record& r, std::optional<bool>& wanted) {
    if (r.has_message) {
      ++counts_.seen;
      if (wants(r, wanted)) print(r);
    }
    // Now and then within much that is there at the beginning.
    return !out_.closed() && out_.error() == 0 && (++taken_ % 1024 != 0 || !is_over());
  }

  void print(const input_record& r) {
    ++counts_.passed;
    const snapshot_label label{r.uuid(), r.context->sequence, r.time,   r.poll, r.context->opened,
                               r.ended,  r.carried,           r.thinned};
    if (!printer_.print(out_.buffer(), label, r.m, r.context->layout))
      hear({r.context->file, r.line, cut_in_a_field, r.context->in_segment});
    if (r.m.state() == static_cast<std::uint8_t>(tcp_state::close)) printer_.forget(label, r.m);
    out_.written();
  }

  [[nodiscard]] bool is_over() {
    pollfd of{signals_.descriptor(), POLLIN, 0};
    return ::poll(&of, 1, 0) > 0 || (end_ns_ && monotonic_now_ns() >= *end_ns_);
  }

  /// Until there may be something new. @return false at the end.
  bool wait() {
    for (;;) {
      const std::int64_t end_ns = end_ns_.value_or(std::numeric_limits<std::int64_t>::max());
      const std::int64_t now_ns = monotonic_now_ns();
      if (now_ns >= end_ns) return false;
      if (now_ns >= follower_.due_ns()) return true;
      const std::int64_t until_ns = std::min(end_ns, follower_.due_ns());
      constexpr std::int64_t ms = 1'000'000;
      const std::int64_t left_ms = std::min<std::int64_t>((until_ns - now_ns + ms - 1) / ms,
                                                          std::numeric_limits<int>::max());
      std::array<pollfd, 3> of{{{follower_.descriptor(), POLLIN, 0},
                                {signals_.descriptor(), POLLIN, 0},
                                {out_descriptor_, 0, 0}}};
      const int n = ::poll(of.data(), of.size(), static_cast<int>(left_ms));
      if (n < 0 && errno != EINTR) return false;
      if (n > 0 && of[1].revents != 0) return false;
      // Whoever read the output has gone: there is nobody to print for.
      if (n > 0 && (of[2].revents & (POLLERR | POLLHUP)) != 0) return false;
      if (n > 0) return true;
    }
  }

  output& out_;
  int out_descriptor_;
  const say& complain_;
  end_signals signals_;
  record_filter filter_;
  snapshot_printer printer_;
  follower follower_;
  std::optional<std::int64_t> end_ns_;
  filter_counts counts_;
  std::uint64_t taken_ = 0;
  bool trouble_ = false;
};

}  // namespace

int follow_folder(output& out, int out_descriptor, const follow_options& options,
                  const say& complain) {
  return following(out, out_descriptor, options, complain).run();
}

}  // namespace tcpinfo::offline
