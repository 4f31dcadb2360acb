-- SPDX-License-Identifier: Apache-2.0
--
-- What the questions read, for PostgreSQL: a row a connection, times in UTC.
CREATE OR REPLACE VIEW flows AS
SELECT uuid, host, host(src) AS src, sport, host(dst) AS dst, dport, cong, closed, why, cgroup, comm,
       first_seen, last_seen,
       CASE WHEN family = 2 THEN regexp_replace(host(dst), '[.][0-9]+$', '.0/24')
            ELSE regexp_replace(substring(split_part(host(dst), '::', 1)
                                          FROM '^[^:]*(?::[^:]*)?(?::[^:]*)?'), '(:0)+$', '')
                 || '::/48' END AS network,
       CASE WHEN opened_here THEN dport ELSE sport END AS service,
       to_char(first_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24') AS hour,
       CAST(floor(extract(epoch FROM first_seen) / 86400) AS integer) AS day_number,
       CAST(duration_s AS double precision) AS seconds,
       CAST(duration_s AS double precision) * CAST(why_share AS double precision)
         AS limited_seconds,
       CAST(busy_time_us AS double precision) / 1000000 AS busy_seconds,
       sent_bytes, received_bytes, mean_rate_bytes_per_s AS rate, min_rtt_us,
       data_segs_out, total_retrans_segments AS retransmitted
FROM tcpinfo_connections;
