// SPDX-License-Identifier: Apache-2.0
#include "traffic/both_ends.h"

#include <sys/socket.h>
#include <unistd.h>

#include "traffic/clock.h"
#include "traffic/report.h"

namespace traffic {

both_ends open_both(const listener& door) {
  both_ends result;
  result.known.kind = door.kind;
  result.sender = new_socket(door.kind);
  set_patience(result.sender);
  result.known.start_ns = wall_ns();
  if (connect(result.sender, door.target.raw(), door.target.length) != 0) die_errno("connect");
  result.receiver = accept4(door.fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (result.receiver < 0) die_errno("accept");
  result.known.receiver_cookie = cookie_of(result.receiver);
  result.known.sender_cookie = cookie_of(result.sender);
  result.known.local = local_of(result.receiver);
  result.known.remote = remote_of(result.receiver);
  if (result.known.remote.port() != local_of(result.sender).port())
    die("accepted another connection than the one just made");
  set_patience(result.receiver);
  return result;
}

void close_both(both_ends& ends) {
  const int sender = ends.sender;
  const int receiver = ends.receiver;
  switch (ends.known.how) {
    case closing::sender_fin:
      close(sender);
      expect_end(receiver, "receiver");
      close(receiver);
      break;
    case closing::receiver_fin:
      shutdown(receiver, SHUT_WR);
      expect_end(sender, "sender");
      close(sender);
      expect_end(receiver, "receiver");
      close(receiver);
      break;
    case closing::receiver_close:
      close(receiver);
      expect_end(sender, "sender");
      close(sender);
      break;
    case closing::sender_rst:
      reset(sender);
      expect_reset(receiver, "receiver");
      close(receiver);
      break;
    case closing::receiver_rst:
      reset(receiver);
      expect_reset(sender, "sender");
      close(sender);
      break;
  }
  ends.known.end_ns = wall_ns();
}

}  // namespace traffic
