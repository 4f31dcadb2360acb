// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-dump live: the kernel's answer, now.
#include <fmt/format.h>

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>
#include <algorithm>
#include <new>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/filters/filters.h"
#include "offline/filters/unmet.h"
#include "offline/inputs/now.h"
#include "offline/live/kernel_look.h"

namespace tcpinfo::offline {
namespace {

/// The messages of one dump, copied out of the receive buffer.
class dump_copy {
 public:
  void clear() {
    bytes_.clear();
    sizes_.clear();
    failed_ = false;
  }
  void add(const message& m) noexcept {
    try {
      bytes_.insert(bytes_.end(), m.bytes.begin(), m.bytes.end());
      sizes_.push_back(m.bytes.size());
    } catch (const std::bad_alloc&) {
      failed_ = true;
    }
  }
  template <class F>
  void each(F&& fn) const {
    std::size_t at = 0;
    for (const std::size_t size : sizes_) {
      message m;
      if (!message::from(bytes_view(bytes_).subspan(at, size), m)) fn(m);
      at += size;
    }
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::vector<std::byte> bytes_;
  std::vector<std::size_t> sizes_;
  bool failed_ = false;
};

}  // namespace

int print_live(output& out, const live_options& options, const say& complain) {
  kernel_look kernel(options.filter);
  if (const auto ec = kernel.open()) {
    complain("the kernel's socket information (sock_diag) cannot be had: " + ec.message());
    return exit_trouble;
  }
  snapshot_printer printer(options.print);
  const info_layout layout = running_kernel_layout();
  dump_copy copy;
  bool trouble = false;
  std::int64_t next = monotonic_now_ns();
  for (std::uint64_t rep = 1;; ++rep) {
    copy.clear();
    const timestamp time = timestamp::from_unix_nanoseconds(realtime_now_ns());
    if (const auto ec = kernel.look([&copy](const message& m) { copy.add(m); })) {
      complain("the kernel's answer is not complete: " + ec.message());
      trouble = true;
    }
    if (copy.failed()) {
      complain("out of memory: not all sockets are shown");
      trouble = true;
    }
    copy.each([&](const message& m) {
      snapshot_label label;
      label.time = time;
      (void)printer.print(out.buffer(), label, m, layout);
      out.written();
    });
    printer.forget_others();
    if (!out.flush()) break;
    // Whoever interrupts it later has been told. A connection that is named may come yet.
    if (rep == 1 && !options.filter.by_name())
      tell_none_passed(options.filter, kernel.counts(), false, "socket", complain);
    if (options.interval_ns == 0 || rep == options.reps) break;
    // A round that took longer than the interval is followed by the next one that is due.
    next += options.interval_ns;
    const std::int64_t now = monotonic_now_ns();
    if (next < now) next += (now - next) / options.interval_ns * options.interval_ns;
    sleep_until(next);
  }
  if (!out.closed() && options.filter.by_name() &&
      tell_unmet_or_none(options.filter, kernel.counts(), false, complain, "socket"))
    trouble = true;
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
