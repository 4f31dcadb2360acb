-- SPDX-License-Identifier: Apache-2.0
--
-- How far away are the peers? Connections and bytes by their shortest round trip.
SELECT band, count(*) AS connections, sum(sent_bytes) AS sent_bytes
FROM (SELECT CASE WHEN min_rtt_us < 1000 THEN '0 below 1 ms'
                  WHEN min_rtt_us < 10000 THEN '1 below 10 ms'
                  WHEN min_rtt_us < 50000 THEN '2 below 50 ms'
                  WHEN min_rtt_us < 100000 THEN '3 below 100 ms'
                  WHEN min_rtt_us < 300000 THEN '4 below 300 ms'
                  ELSE '5 more' END AS band, sent_bytes
      FROM flows
      WHERE min_rtt_us IS NOT NULL) AS banded
GROUP BY band
ORDER BY band;
