// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "collect/control/control.h"
#include "collect/exit_status.h"
#include "collect/os/clock.h"
#include "collect/os/descriptor.h"
#include "collect/os/readiness.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t same_request_ns = 100'000'000;
constexpr int stopping[] = {SIGINT, SIGTERM};

// When the first of them came; 0: none has. The handler's, and the thread's that takes requests.
std::atomic<std::int64_t> stop_asked_ns{0};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// Only calls that signal-safety(7) allows. The thread of the log may hang in a write: the line
// goes past it, where standard error takes it at once.
void on_second_signal(int /*number*/) noexcept {
  constexpr std::string_view line =
      "tcpinfo-collect: told to end a second time: ending at once; files that are not complete "
      "stay "
      ".part, and the next start completes them\n";
  const int before = errno;
  const std::int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
  std::int64_t first_ns = 0;
  if (stop_asked_ns.compare_exchange_strong(first_ns, now_ns) ||
      now_ns - first_ns < same_request_ns) {
    errno = before;
    return;
  }
  if (is_writable(STDERR_FILENO)) (void)!::write(STDERR_FILENO, line.data(), line.size());
  ::_exit(exit_trouble);
}

class signal_control final : public control {
 public:
  explicit signal_control(collect::descriptor signals) noexcept : signals_(std::move(signals)) {}

  int descriptor() const noexcept override { return signals_.get(); }
  request take() noexcept override {
    signalfd_siginfo info{};
    ssize_t got = 0;
    do {
      got = ::read(signals_.get(), &info, sizeof info);
    } while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(sizeof info)) return request::none;
    if (info.ssi_signo == SIGHUP) return request::reload;
    std::int64_t none = 0;
    (void)stop_asked_ns.compare_exchange_strong(none, clock_ns(CLOCK_MONOTONIC));
    ending();
    return request::stop;
  }
  // From here on they interrupt this thread, whatever it waits for.
  void ending() noexcept override {
    struct sigaction action {};
    action.sa_handler = &on_second_signal;
    action.sa_flags = SA_RESTART;
    sigset_t both;
    sigemptyset(&both);
    for (const int number : stopping) {
      sigaddset(&both, number);
      (void)::sigaction(number, &action, nullptr);
    }
    (void)::pthread_sigmask(SIG_UNBLOCK, &both, nullptr);
  }

 private:
  collect::descriptor signals_;
};

}  // namespace

std::unique_ptr<control> make_signal_control() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, number);
  if (sigprocmask(SIG_BLOCK, &wanted, nullptr) != 0) return nullptr;
  descriptor signals(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return nullptr;
  return std::make_unique<signal_control>(std::move(signals));
}

}  // namespace tcpinfo::collect
