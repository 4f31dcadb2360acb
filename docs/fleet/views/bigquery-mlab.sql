-- SPDX-License-Identifier: Apache-2.0
--
-- Rows as M-Lab's ETL makes them (id, date, a.SockID, a.FinalSnapshot, raw), for BigQuery: of the
-- table that `tcpinfo-csv --ddl bigquery` makes, with names, numbers and units of M-Lab's, so that
-- queries written for ndt_raw.tcpinfo go on. What an attribute has that the kernel did not send is
-- NULL. Left out are `parser`, Observed and NotFullyParsed: they tell of M-Lab's programs.
CREATE OR REPLACE VIEW mlab_tcpinfo AS
WITH numbered AS (
  SELECT *,
    CASE state
      WHEN 'ESTABLISHED' THEN 1 WHEN 'SYN_SENT' THEN 2 WHEN 'SYN_RECV' THEN 3
      WHEN 'FIN_WAIT1' THEN 4 WHEN 'FIN_WAIT2' THEN 5 WHEN 'TIME_WAIT' THEN 6
      WHEN 'CLOSE' THEN 7 WHEN 'CLOSE_WAIT' THEN 8 WHEN 'LAST_ACK' THEN 9 WHEN 'LISTEN' THEN 10
      WHEN 'CLOSING' THEN 11 WHEN 'NEW_SYN_RECV' THEN 12 WHEN 'BOUND_INACTIVE' THEN 13
      END AS state_number,
    CASE tcp_state
      WHEN 'ESTABLISHED' THEN 1 WHEN 'SYN_SENT' THEN 2 WHEN 'SYN_RECV' THEN 3
      WHEN 'FIN_WAIT1' THEN 4 WHEN 'FIN_WAIT2' THEN 5 WHEN 'TIME_WAIT' THEN 6
      WHEN 'CLOSE' THEN 7 WHEN 'CLOSE_WAIT' THEN 8 WHEN 'LAST_ACK' THEN 9 WHEN 'LISTEN' THEN 10
      WHEN 'CLOSING' THEN 11 WHEN 'NEW_SYN_RECV' THEN 12 WHEN 'BOUND_INACTIVE' THEN 13
      END AS tcp_state_number,
    CASE ca_state WHEN 'Open' THEN 0 WHEN 'Disorder' THEN 1 WHEN 'CWR' THEN 2
      WHEN 'Recovery' THEN 3 WHEN 'Loss' THEN 4 END AS ca_state_number,
    CAST(options_timestamps AS INT64) + 2 * CAST(options_sack AS INT64)
      + 4 * CAST(options_wscale AS INT64) + 8 * CAST(options_ecn AS INT64)
      + 16 * CAST(options_ecn_seen AS INT64) + 32 * CAST(options_syn_data AS INT64)
      + 64 * CAST(options_usec_ts AS INT64) + 128 * CAST(options_tfo_child AS INT64) AS options,
    CAST(delivery_rate_app_limited AS INT64) + 2 * fastopen_client_fail AS app_limited,
    ROW_NUMBER() OVER (PARTITION BY uuid ORDER BY timestamp DESC, sequence DESC, poll DESC)
      AS from_last
  FROM tcpinfo
),
snapshots AS (
  SELECT uuid, sequence, timestamp, poll, from_last,
    STRUCT(sport AS SPort, dport AS DPort, src AS SrcIP, dst AS DstIP, interface AS Interface,
      SAFE_CAST(cookie AS INT64) AS Cookie) AS sock_id,
    STRUCT(timestamp AS Timestamp, inet_diag_msg AS InetDiagMsg, mem_info AS MemInfo,
      tcp_info AS TCPInfo, vegas_info AS VegasInfo, cong AS CongestionAlgorithm, tos AS TOS,
      tclass AS TClass, class_id AS ClassID, socket_mem AS SocketMem,
      CAST(shutdown_recv AS INT64) + 2 * CAST(shutdown_send AS INT64) AS Shutdown,
      dctcp_info AS DCTCPInfo, protocol AS Protocol, bbr_info AS BBRInfo, mark AS Mark) AS snapshot
  FROM (
    SELECT *,
    CASE WHEN family IS NOT NULL THEN STRUCT(
      family AS IDiagFamily, state_number AS IDiagState, timer AS IDiagTimer,
      timer_retrans AS IDiagRetrans, timer_expires_ms AS IDiagExpires,
      rqueue_bytes AS IDiagRqueue, wqueue_bytes AS IDiagWqueue, uid AS IDiagUID,
      inode AS IDiagInode)
      END AS inet_diag_msg,
    CASE WHEN mem_rmem_bytes IS NOT NULL THEN STRUCT(
      mem_rmem_bytes AS Rmem, mem_wmem_bytes AS Wmem, mem_fmem_bytes AS Fmem,
      mem_tmem_bytes AS Tmem)
      END AS mem_info,
    CASE WHEN tcp_state IS NOT NULL THEN STRUCT(
      tcp_state_number AS State, ca_state_number AS CAState, retransmits AS Retransmits,
      probes AS Probes, backoff AS Backoff, options AS Options,
      snd_wscale + 16 * rcv_wscale AS WScale, app_limited AS AppLimited, rto_us AS RTO,
      ato_us AS ATO, snd_mss_bytes AS SndMSS, rcv_mss_bytes AS RcvMSS,
      unacked_segments AS Unacked, sacked_segments AS Sacked, lost_segments AS Lost,
      retrans_segments AS Retrans, fackets_segments AS Fackets, last_data_sent_ms AS LastDataSent,
      last_ack_sent_ms AS LastAckSent, last_data_recv_ms AS LastDataRecv,
      last_ack_recv_ms AS LastAckRecv, pmtu_bytes AS PMTU, rcv_ssthresh_bytes AS RcvSsThresh,
      rtt_us AS RTT, rttvar_us AS RTTVar, snd_ssthresh_segments AS SndSsThresh,
      snd_cwnd_segments AS SndCwnd, advmss_bytes AS AdvMSS, reordering_segments AS Reordering,
      rcv_rtt_us AS RcvRTT, rcv_space_bytes AS RcvSpace, total_retrans_segments AS TotalRetrans,
      SAFE_CAST(pacing_rate_bytes_per_s AS INT64) AS PacingRate,
      SAFE_CAST(max_pacing_rate_bytes_per_s AS INT64) AS MaxPacingRate,
      SAFE_CAST(bytes_acked AS INT64) AS BytesAcked,
      SAFE_CAST(bytes_received AS INT64) AS BytesReceived, segs_out AS SegsOut, segs_in AS SegsIn,
      notsent_bytes AS NotsentBytes, min_rtt_us AS MinRTT, data_segs_in AS DataSegsIn,
      data_segs_out AS DataSegsOut, SAFE_CAST(delivery_rate_bytes_per_s AS INT64) AS DeliveryRate,
      SAFE_CAST(busy_time_us AS INT64) AS BusyTime,
      SAFE_CAST(rwnd_limited_us AS INT64) AS RWndLimited,
      SAFE_CAST(sndbuf_limited_us AS INT64) AS SndBufLimited, delivered_segments AS Delivered,
      delivered_ce_segments AS DeliveredCE, SAFE_CAST(bytes_sent AS INT64) AS BytesSent,
      SAFE_CAST(bytes_retrans AS INT64) AS BytesRetrans, dsack_dups_segments AS DSackDups,
      reord_seen AS ReordSeen, rcv_ooopack_segments AS RcvOooPack, snd_wnd_bytes AS SndWnd)
      END AS tcp_info,
    CASE WHEN vegas_enabled IS NOT NULL THEN STRUCT(
      vegas_enabled AS Enabled, vegas_rttcnt AS RTTCount, vegas_rtt_us AS RTT,
      vegas_minrtt_us AS MinRTT)
      END AS vegas_info,
    CASE WHEN skmem_rmem_alloc_bytes IS NOT NULL THEN STRUCT(
      skmem_rmem_alloc_bytes AS RmemAlloc, skmem_rcvbuf_bytes AS Rcvbuf,
      skmem_wmem_alloc_bytes AS WmemAlloc, skmem_sndbuf_bytes AS Sndbuf,
      skmem_fwd_alloc_bytes AS FwdAlloc, skmem_wmem_queued_bytes AS WmemQueued,
      skmem_optmem_bytes AS Optmem, skmem_backlog_bytes AS Backlog, skmem_drops AS Drops)
      END AS socket_mem,
    CASE WHEN dctcp_enabled IS NOT NULL THEN STRUCT(
      dctcp_enabled AS Enabled, dctcp_ce_state AS CEState, dctcp_alpha_per_1024 AS Alpha,
      dctcp_ab_ecn_bytes AS ABEcn, dctcp_ab_tot_bytes AS ABTot)
      END AS dctcp_info,
    CASE WHEN bbr_bw_bytes_per_s IS NOT NULL THEN STRUCT(
      SAFE_CAST(bbr_bw_bytes_per_s AS INT64) AS BW, bbr_min_rtt_us AS MinRTT,
      bbr_pacing_gain_per_256 AS PacingGain, bbr_cwnd_gain_per_256 AS CwndGain)
      END AS bbr_info
    FROM numbered
  ) AS structs
),
histories AS (
  SELECT uuid, MIN(sequence) AS first_sequence, MIN(timestamp) AS start_time,
    ARRAY_AGG(snapshot ORDER BY timestamp, sequence, poll) AS all_of_it
  FROM snapshots
  GROUP BY uuid
)
SELECT histories.uuid AS id, CAST(histories.start_time AS DATE) AS date,
  STRUCT(snapshots.sock_id AS SockID, snapshots.snapshot AS FinalSnapshot) AS a,
  STRUCT(STRUCT(histories.uuid AS UUID, histories.first_sequence AS Sequence,
      histories.start_time AS StartTime) AS Metadata,
    histories.all_of_it AS Snapshots) AS raw
FROM histories JOIN snapshots ON snapshots.uuid = histories.uuid AND snapshots.from_last = 1;
