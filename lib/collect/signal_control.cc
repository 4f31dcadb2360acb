// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "collect/control.h"
#include "collect/descriptor.h"

namespace tcpinfo::collect {
namespace {

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
    return info.ssi_signo == SIGHUP ? request::reload : request::stop;
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
