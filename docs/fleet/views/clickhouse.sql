-- SPDX-License-Identifier: Apache-2.0
--
-- What the questions read, for ClickHouse (18.16 and later): a row a connection, times in UTC, of
-- the table that --ddl clickhouse-plain makes and --time epoch fills.
CREATE VIEW flows AS
SELECT uuid, host, src, sport, dst, dport,
       nullIf(cong, '') AS cong, nullIf(closed, '') AS closed, nullIf(why, '') AS why,
       nullIf(cgroup, '') AS cgroup, nullIf(comm, '') AS comm,
       first_seen, last_seen,
       if(family = 2, replaceRegexpOne(assumeNotNull(dst), '[.][0-9]+$', '.0/24'),
          concat(replaceRegexpOne(extract(splitByString('::', assumeNotNull(dst))[1],
                                          '^[^:]*(?::[^:]*)?(?::[^:]*)?'),
                                  '(:0)+$', ''), '::/48')) AS network,
       if(opened_here = 1, dport, sport) AS service,
       formatDateTime(toDateTime(toUInt32(first_seen), 'UTC'), '%Y-%m-%d %H') AS hour,
       toInt32(intDiv(toUInt32(first_seen), 86400)) AS day_number,
       toFloat64(duration_s) AS seconds,
       toFloat64(duration_s) * toFloat64(why_share) AS limited_seconds,
       busy_time_us / 1000000 AS busy_seconds,
       sent_bytes, received_bytes, mean_rate_bytes_per_s AS rate, toInt64(min_rtt_us) AS min_rtt_us,
       data_segs_out, total_retrans_segments AS retransmitted
FROM tcpinfo_connections;
