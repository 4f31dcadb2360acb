// SPDX-License-Identifier: Apache-2.0
#include "collect/startup.h"

#include <cerrno>
#include <filesystem>

#include "collect/exit_status.h"
#include "collect/os/listening.h"
#include "collect/os/output_tree.h"
#include "collect/telemetry/log.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// Where a folder is: of "." nobody who reads the log knows.
std::string place_of(const std::string& folder) {
  std::error_code none;
  const auto whole = std::filesystem::absolute(folder, none).lexically_normal();
  if (none) return folder;
  // A slash or a dot at the end leaves an empty name there.
  return whole.has_filename() ? whole.string() : whole.parent_path().string();
}

int refuse_socket(std::string_view what, const std::string& path, const std::error_code& ec) {
  if (ec == std::errc::address_in_use) {
    log(event::start_refused, {path, ec}, "somebody listens on {} {} already", what, path);
    return exit_trouble;
  }
  log(event::start_refused, {path, ec}, "cannot make {} {}: {}", what, path, ec.message());
  return is_shortage(ec) ? exit_trouble : exit_usage;
}

int refuse_metrics(const listen_address& where, const std::error_code& ec) {
  log(event::start_refused, {.error = ec}, "cannot serve metrics on {}: {}", to_string(where),
      ec.message());
  return ec == std::errc::address_in_use || is_shortage(ec) ? exit_trouble : exit_usage;
}

}  // namespace

std::string describe(const std::error_code& ec) {
  if (ec.category() == std::system_category()) {
    if (ec.value() == ENOENT || ec.value() == EPROTONOSUPPORT)
      return ec.message() + " (has this kernel inet_diag? try: modprobe tcp_diag)";
    if (ec.value() == EPERM || ec.value() == EACCES)
      return ec.message() + " (netlink is not permitted here)";
  }
  return ec.message();
}

bool is_shortage(const std::error_code& ec) noexcept {
  for (const int number : {EAGAIN, ENOMEM, EMFILE, ENFILE, ENOBUFS})
    if (is_errno(ec, number)) return true;
  return false;
}

int claim_output(const std::string& output, output_lock& lock) {
  const auto ec = lock.take();
  if (!ec) return exit_ok;
  if (is_errno(ec, EWOULDBLOCK)) {
    log(event::start_refused, {.file = output}, "another collector is recording to {}",
        place_of(output));
    return exit_trouble;
  }
  log(event::start_refused, {output, ec}, "cannot create or write to output directory {}: {}{}",
      place_of(output), ec.message(),
      ec == std::errc::permission_denied ? why_not_writable(place_of(output)) : std::string());
  return is_shortage(ec) ? exit_trouble : exit_usage;
}

int check_finalizing(os& system, const std::string& output) {
  std::string deed;
  const auto ec = system.try_finalizing(output, deed);
  if (!ec) return exit_ok;
  log(event::start_refused, {output, ec},
      "files in {} could never be completed: its file system refuses to {}: {}", place_of(output),
      deed, ec.message());
  return exit_usage;
}

int refuse_thread(std::string_view what, const std::error_code& ec) {
  log(event::start_refused, {.error = ec}, "cannot start {}: {}", what, ec.message());
  return exit_trouble;
}

int start_events(const config& settings, const uuid_prefixes& prefixes,
                 std::unique_ptr<event_server>& events) {
  if (settings.event_socket.empty()) return exit_ok;
  event_server_options options;
  options.path = settings.event_socket;
  options.mode = settings.event_socket_mode;
  options.replay = settings.events_replay;
  events = std::make_unique<event_server>(std::move(options), prefixes);
  const auto ec = events->start();
  return ec ? refuse_socket("event socket", settings.event_socket, ec) : exit_ok;
}

int open_query_socket(const config& settings, event_listener& socket) {
  if (settings.query_socket.empty()) return exit_ok;
  const auto ec = socket.open(settings.query_socket, settings.query_socket_mode);
  return ec ? refuse_socket("query socket", settings.query_socket, ec) : exit_ok;
}

int start_queries(const event_listener& socket, query_server& queries) {
  if (socket.descriptor() < 0) return exit_ok;
  const auto ec = queries.start(socket);
  return ec ? refuse_thread("the query socket's thread", ec) : exit_ok;
}

int check_metrics_address(const config& settings) {
  if (!settings.prometheus) return exit_ok;
  const auto ec = try_listening(*settings.prometheus);
  return ec ? refuse_metrics(*settings.prometheus, ec) : exit_ok;
}

int start_metrics(const config& settings, metrics_endpoint& metrics) {
  if (!settings.prometheus) return exit_ok;
  if (const auto ec = metrics.start(*settings.prometheus))
    return refuse_metrics(*settings.prometheus, ec);
  if (settings.verbose) log(event::started, "metrics on {}", to_string(metrics.where()));
  return exit_ok;
}

}  // namespace tcpinfo::collect
