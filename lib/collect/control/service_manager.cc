// SPDX-License-Identifier: Apache-2.0
#include "collect/control/service_manager.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>

#include "common/time_units.h"
#include "text/values.h"

namespace tcpinfo::collect {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// 0 where there is none.
std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} && end == text.data() + text.size() ? value : 0;
}

// How often the watchdog wants to hear of us: twice in its patience; 0 where it is not for us.
std::int64_t alive_every_ns() {
  constexpr std::int64_t longest_us = std::int64_t{1} << 50;
  const std::int64_t patience_us = number(variable("WATCHDOG_USEC"));
  const std::string_view whose = variable("WATCHDOG_PID");
  if (patience_us <= 0 || patience_us > longest_us) return 0;
  return whose.empty() || number(whose) == ::getpid() ? patience_us * 1000 / 2 : 0;
}

// None where the name is none that sd_notify(3) knows.
std::optional<unix_address> address_of_manager() {
  const std::string_view name = variable("NOTIFY_SOCKET");
  if (name.size() < 2) return std::nullopt;
  if (name[0] == '@') return unix_address::of_abstract(name.substr(1));
  return name[0] == '/' ? unix_address::of_path(name) : std::nullopt;
}

}  // namespace

service_manager::service_manager(const config& settings, const statistics& counts,
                                 const observations& seen)
    : settings_(settings), counts_(counts), observed_(seen) {
  const auto address = address_of_manager();
  if (!address) return;
  address_ = *address;
  socket_ = descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_) return;
  status_due_ns_ = 0;
  alive_every_ns_ = alive_every_ns();
  if (alive_every_ns_ > 0) alive_due_ns_ = 0;
}

bool service_manager::send(std::string_view text) noexcept {
  // The address each time: the manager may have made its socket anew.
  return socket_ && ::sendto(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                             address_.get(), address_.size()) == static_cast<ssize_t>(text.size());
}

std::string service_manager::status(std::int64_t now_ns) {
  const std::uint64_t looks = looks_ - seen_looks_;
  std::string text =
      fmt::format("{} sockets", observed_.sockets_now.load(std::memory_order_relaxed));
  if (seen_looks_ > 0 && looks > 0)
    text += fmt::format(", a look every {:.2f} ms ({} asked for)",
                        static_cast<double>(now_ns - seen_ns_) / 1e6 / static_cast<double>(looks),
                        text::format_duration(settings_.interval_ns));
  seen_ns_ = now_ns;
  seen_looks_ = looks_;
  return text + fmt::format(", missed ticks {}, losses {}", counts_.missed_ticks.get(),
                            total_losses(counts_));
}

void service_manager::report(std::int64_t now_ns) noexcept {
  if (!ready_) return;
  status_due_ns_ = now_ns + ns_a_second;
  try {
    // A status that the manager does not take now is said anew in a second.
    if (send((owes_ready_ ? "READY=1\nSTATUS=" : "STATUS=") + status(now_ns))) owes_ready_ = false;
  } catch (const std::bad_alloc&) {
    // Later, then.
  }
}

void service_manager::pet(std::int64_t now_ns) noexcept {
  alive_due_ns_ = now_ns + alive_every_ns_;
  (void)send("WATCHDOG=1");
}

void service_manager::reloading(std::int64_t now_ns) noexcept {
  // A manager that waits for the start would take the READY=1 that follows for its end.
  if (!ready_) return;
  try {
    owes_ready_ = send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now_ns / 1000)) || owes_ready_;
  } catch (const std::bad_alloc&) {
    // It then does not know, and need not.
  }
}

void service_manager::reloaded(std::int64_t now_ns) noexcept {
  if (!owes_ready_ || !ready_) return;
  if (send("READY=1"))
    owes_ready_ = false;
  else
    status_due_ns_ = now_ns;  // said with the next status
}

void service_manager::stopping() noexcept { (void)send("STOPPING=1\nSTATUS=completing files"); }

}  // namespace tcpinfo::collect
