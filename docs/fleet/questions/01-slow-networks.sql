-- SPDX-License-Identifier: Apache-2.0
--
-- Which networks are far away? Of the lowest round-trip times of their connections the median, and
-- the one that 95 % of them do not exceed, in microseconds. Networks of fewer than five connections
-- are left out, because these say little of the network; count(*) >= 5 below is where to take them
-- in.
SELECT network, count(*) AS connections,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY min_rtt_us) AS median_min_rtt_us,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY min_rtt_us) AS p95_min_rtt_us
FROM flows
WHERE min_rtt_us IS NOT NULL
GROUP BY network
HAVING count(*) >= 5
ORDER BY median_min_rtt_us DESC, network
LIMIT 20;
