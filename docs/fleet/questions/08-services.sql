-- SPDX-License-Identifier: Apache-2.0
--
-- How does each service do? By the port of the end that listens. The round-trip time is the lowest
-- of each connection, which 95 % of a service's connections do not exceed: how far away its clients
-- are, and not what they waited for.
SELECT service, count(*) AS connections, sum(sent_bytes) AS sent_bytes,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY rate) AS median_bytes_per_s,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY min_rtt_us) AS p95_min_rtt_us
FROM flows
GROUP BY service
ORDER BY sent_bytes DESC, service
LIMIT 20;
