// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/examiner.h"

namespace tcpinfo::analysis::why {

std::string_view meaning_of(cause c) noexcept {
  switch (c) {
    case cause::none:
      return "Nothing held it back beyond its round trips.";
    case cause::cannot_tell:
      return "The records do not tell what held it back.";
    case cause::application:
      return "The sending program had nothing to send.";
    case cause::peer_window:
      return "The peer's receive window was full.";
    case cause::peer_reads_slowly:
      return "The receiving program reads slowly.";
    case cause::send_buffer:
      return "The send buffer was full of data in flight.";
    case cause::receive_autotuning:
      return "The kernel made the receive buffer no larger.";
    case cause::shaped_bottleneck:
      return "A bottleneck on the path passes no more.";
    case cause::bufferbloat:
      return "A long queue stood before the bottleneck.";
    case cause::policer:
      return "A policer on the path drops what is above its rate.";
    case cause::congested_path:
      return "The path was full without this connection.";
    case cause::random_loss:
      return "Segments were lost though no queue stood on the path.";
    case cause::ecn:
      return "Routers marked segments (ECN).";
    case cause::pacing_cap:
      return "The program caps its pacing rate.";
    case cause::slow_start_never_left:
      return "It ended in slow start.";
    case cause::slow_start_left_early:
      return "Slow start was left early.";
    case cause::bbr_phase:
      return "BBR sent less in one of its phases.";
    case cause::rto_stall:
      return "Sending waited for timeouts.";
    case cause::tail_loss:
      return "The last data was lost, and nothing came behind it.";
    case cause::spurious_rto:
      return "A timeout sent again what was only late.";
    case cause::reordering:
      return "The path changed the order of segments.";
    case cause::delayed_ack_nagle:
      return "Small writes waited for delayed acknowledgements.";
    case cause::handshake:
      return "A SYN was lost.";
    case cause::mtu_hole:
      return "Large packets do not pass the path.";
    case cause::host_drops:
      return "The receiving machine dropped segments.";
  }
  return {};
}

}  // namespace tcpinfo::analysis::why
