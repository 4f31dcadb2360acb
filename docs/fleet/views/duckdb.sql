-- SPDX-License-Identifier: Apache-2.0
--
-- What the questions read, for DuckDB: a row a connection, times in UTC.
CREATE OR REPLACE VIEW flows AS
SELECT uuid, host, src, sport, dst, dport, cong, closed, why, cgroup, comm,
       first_seen, last_seen,
       CASE WHEN family = 2 THEN regexp_replace(dst, '[.][0-9]+$', '.0/24')
            ELSE regexp_replace(regexp_extract(split_part(dst, '::', 1),
                                               '^[^:]*(?::[^:]*)?(?::[^:]*)?'), '(:0)+$', '')
                 || '::/48' END AS network,
       CASE WHEN opened_here THEN dport ELSE sport END AS service,
       strftime(first_seen, '%Y-%m-%d %H') AS hour,
       CAST(floor(epoch(first_seen) / 86400) AS integer) AS day_number,
       CAST(duration_s AS double) AS seconds,
       CAST(duration_s AS double) * CAST(why_share AS double) AS limited_seconds,
       CAST(busy_time_us AS double) / 1000000 AS busy_seconds,
       sent_bytes, received_bytes, mean_rate_bytes_per_s AS rate,
       CAST(min_rtt_us AS bigint) AS min_rtt_us, -- so that differences may be below 0
       data_segs_out, total_retrans_segments AS retransmitted
FROM tcpinfo_connections;
