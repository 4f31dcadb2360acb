-- SPDX-License-Identifier: Apache-2.0
--
-- Which networks are slow? Round trips of their connections, in microseconds, of networks with
-- five connections at least.
SELECT network, count(*) AS connections,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY min_rtt_us) AS median_us,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY min_rtt_us) AS p95_us
FROM flows
WHERE min_rtt_us IS NOT NULL
GROUP BY network
HAVING count(*) >= 5
ORDER BY median_us DESC, network
LIMIT 20;
