// SPDX-License-Identifier: Apache-2.0
//
// Every number that the rules compare with, in one table: a change of the rules is a change here.
// Sources are named where there is one (docs/why.md has them in full). "Chosen" are numbers that
// have none; those of jitter and of a congested path were chosen by looking at flows of the lab
// (docs/why-scores.md says which flows are no evidence therefore).
#ifndef TCPINFO_ANALYSIS_WHY_THRESHOLDS_H
#define TCPINFO_ANALYSIS_WHY_THRESHOLDS_H

#include <cstddef>
#include <cstdint>

namespace tcpinfo::analysis::why::thresholds {

// Rounds.
/// The chronographs count in steps of the kernel's clock: 4 ms at 250 Hz.
inline constexpr std::int64_t chronograph_step_ns = 4'000'000;
/// Fewer steps say nothing, therefore no round is shorter. (chosen)
inline constexpr std::int64_t steps_of_a_round = 5;
/// A flow keeps so many rounds; with more, two become one, and rounds are longer from then on.
inline constexpr std::size_t most_rounds = 512;

// The verdict.
/// A cause that had less of the life is not what made it slow: without it the flow is some 20 %
/// faster at most. (chosen)
inline constexpr double verdict_share = 0.15;
/// Of the way that carried more bytes: a way with less is no flow of its own. (chosen)
inline constexpr double other_way_share = 0.25;

/// Rounds without a cause between two of the same program's. (chosen)
inline constexpr std::size_t bridged_rounds = 3;

// Windows and buffers.
/// Part of busy time stalled by the peer's window. T-RAT, kernel chronographs.
inline constexpr double window_share = 0.5;
/// Part of busy time stalled by the send buffer. everoute.
inline constexpr double send_buffer_share = 0.3;
/// Memory of a buffer in use, as part of what it may have. everoute.
inline constexpr double full_buffer_share = 0.9;
/// Memory of a send buffer in use while its writer waits: the kernel wakes it when a third is free.
inline constexpr double waiting_writer_share = 2.0 / 3;
/// A window that is that part of what was announced before is not small: it has shrunk, because
/// what arrived lies unread. (chosen)
inline constexpr double shrunk_window_share = 0.5;
/// What the window shrank by, in all, as part of what was acknowledged: a reader that takes all at
/// once leaves the window where it is. (chosen)
inline constexpr double falling_window_share = 0.1;
/// Part of a stretch limited by the peer's window in which that was seen closed. (chosen)
inline constexpr double closed_window_share = 0.25;
/// A window of less takes no full segment, in segments. T-RAT counts 3.
inline constexpr std::uint64_t closed_window_segments = 1;
/// Received data not read yet, as part of all that the buffer offers. everoute.
inline constexpr double unread_share = 0.5;
/// Received bytes a round trip, as part of the window that was announced. T-RAT (within 20 %).
inline constexpr double window_used_share = 0.8;
/// What the receiver takes for a round trip is at most so many of those that were measured.
inline constexpr std::uint64_t receiver_round_trips = 8;

// Application.
/// Part of a round's records in which all that was written was sent, and more would have fitted.
/// Linux rate sampling.
inline constexpr double starved_share = 0.5;

// Queues.
/// A smoothed round-trip time above that multiple of the lowest one is of a queue. TCP Diagnostic
/// Tool.
inline constexpr double queue_factor = 1.2;
/// Less than that is noise of hosts. (chosen)
inline constexpr std::uint64_t queue_noise_us = 3'000;
/// Less than that part of the lowest round-trip time tells nothing of a loss either. (chosen)
inline constexpr double short_queue_share = 0.05;
/// A queue's delay is larger than so many times the mean deviation of the round-trip time: else it
/// may be jitter. (Of delays that are evenly spread the mean is twice the deviation.)
inline constexpr double queue_deviations = 2.5;
/// The rate is steady where it is that part of its highest mean over so many rounds. TCP Diagnostic
/// Tool.
inline constexpr double steady_rate_share = 0.8;
inline constexpr std::size_t rate_rounds = 10;
/// Bufferbloat: a queue of that delay. Tstat's method; the numbers by use.
inline constexpr std::uint64_t bloat_us = 100'000;
/// Or of that multiple of the lowest round-trip time, where it is of that delay as well.
inline constexpr double bloat_factor = 4;
inline constexpr std::uint64_t bloat_least_us = 50'000;

// Whose a delay is. A third of the rounds, those with the smallest windows, stands against another,
// with the largest ones.
/// Fewer rounds make no thirds. (chosen)
inline constexpr std::size_t contrast_rounds = 6;
/// The windows must differ that much to show what they do. (chosen)
inline constexpr double contrast_windows = 1.5;
/// A delay that grew less while window and rate grew is the path's: jitter. (chosen)
inline constexpr double path_delay_growth = 1.3;
/// A queue that grew more with the window is the sender's own. (chosen)
inline constexpr double own_queue_growth = 1.5;
/// What others' queue adds to the lowest round-trip time, at least: more than hosts and a loss's
/// repair do. (chosen)
inline constexpr std::uint64_t others_queue_us = 6'000;
inline constexpr double others_queue_share = 0.15;
/// And at most, as part of the round-trip time: where the queue was there from the beginning, the
/// lowest one has most of it. IMC 2017 (the largest less the lowest, by the largest).
inline constexpr double others_queue_most = 0.45;

/// What the handshake waited in it, as part of the 90th percentile of queues: it found others'.
/// A flow's own queue is empty then. (chosen)
inline constexpr double handshake_queue_share = 0.2;

// Loss.
/// So many separate rounds with losses make a pattern; fewer may have been of anything. (chosen)
inline constexpr std::size_t loss_rounds = 3;
/// Where no queue stood and no timeout was needed, fewer are random all the same. (chosen)
inline constexpr std::size_t random_loss_rounds = 1;
/// Part of the losses that came behind a queue: the smoothed round-trip time misses some. (chosen)
inline constexpr double queued_loss_share = 0.4;
/// BBR (version 1) goes on at its rate below that share of losses. tcp_bbr.c.
inline constexpr double bbr_loss_share = 0.15;
/// Retransmissions that the peer says it had already, as part of all. (chosen)
inline constexpr double needless_share = 0.5;

// Policers: the token test of Flach et al. (USC-NSL), on rounds in place of packets.
inline constexpr std::uint64_t policer_lost_segments = 15;
inline constexpr std::uint64_t policer_passed_segments = 15;
/// The source takes 3 slices; a line through two of three points proves little. (chosen)
inline constexpr std::size_t policer_loss_rounds = 5;
inline constexpr std::size_t policer_rounds = 20;
/// Segments lost in a round, on the mean: at random they come alone. (chosen)
inline constexpr double policer_least_bunch = 1.6;
/// And where that shows what the rate does not. (chosen)
inline constexpr double policer_bunch = 2.5;
/// Round trips (or rounds) of the rate. A loss is seen by a retransmission, up to one round after
/// it happened, which comes on top of the source's 2 and 0.75.
inline constexpr double policer_late_rounds = 1;
inline constexpr double policer_empty_rtts = 2;
inline constexpr double policer_outside_share = 0.1;
inline constexpr double policer_debt_rtts = 0.75;
inline constexpr double policer_debt_share = 0.03;
inline constexpr double policer_queued_share = 0.2;

// Pacing.
/// The rate reached, as part of the cap: headers and pauses are not data. (chosen)
inline constexpr double pacing_used_share = 0.85;

// Slow start.
/// What doubling on would have saved behind an exit, as part of the time from the beginning: a
/// sixth, for without it the flow is 20 % faster. (chosen)
inline constexpr double early_exit_share = 1.0 / 6;
/// The window must have grown that much without a loss or a queue, to show that the path had room.
/// (chosen)
inline constexpr double early_exit_growth = 1.2;
/// Windows that were left to be sent when slow start was left. (chosen)
inline constexpr double last_windows = 2;
/// The first window, in segments. RFC 6928.
inline constexpr std::uint64_t first_window_segments = 10;

// BBR's gains, in 256ths. tcp_bbr.c.
inline constexpr std::uint64_t bbr_drain_gain = 88;
inline constexpr std::uint64_t bbr_steady_gain = 256;
inline constexpr std::uint64_t bbr_start_gain = 739;
/// BBR looks for policers where a fifth is lost; less than that of all is none. (chosen)
inline constexpr double bbr_policed_loss_share = 0.02;
/// Its cycle of gains has 8 round trips, but one that found a policer keeps its rate for 48.
inline constexpr double bbr_policed_rtts = 40;
/// Two records of eight see a gain that is not one: in so many none does by chance only once in
/// ten thousand times.
inline constexpr std::uint64_t bbr_policed_samples = 32;
inline constexpr std::uint64_t bbr_probe_rtt_segments = 4;

// Timeouts.
/// The kernel waits so long at least (TCP_RTO_MIN).
inline constexpr std::int64_t least_timeout_ns = 200'000'000;
/// What a receiver dropped comes again within four of them, each twice as long as the one before: a
/// longer silence is not of the drops. (chosen)
inline constexpr std::int64_t longest_repair_ns = (1 + 2 + 4 + 8) * least_timeout_ns;
/// Segments outstanding when the last data was lost: fewer than make three duplicates. RFC 5681.
inline constexpr std::uint64_t tail_segments = 3;
/// Timeouts in a row before a hole for large segments is thought of. RFC 4821.
inline constexpr std::uint64_t mtu_timeouts = 3;

// Nagle against delayed acknowledgements.
/// The receiver waits 40 ms and more; less than that part of it is no such wait.
inline constexpr std::int64_t delayed_ack_ns = 35'000'000;
/// How often. (chosen)
inline constexpr std::size_t delayed_acks = 3;

}  // namespace tcpinfo::analysis::why::thresholds

#endif
