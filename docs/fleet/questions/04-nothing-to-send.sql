-- SPDX-License-Identifier: Apache-2.0
--
-- Which services leave connections idle? The share of their seconds in which nothing waited to be
-- sent: the application's part, not the network's.
SELECT service, count(*) AS connections, sum(seconds) AS open_s,
       100.0 - 100.0 * sum(busy_seconds) / sum(seconds) AS idle_percent
FROM flows
WHERE busy_seconds IS NOT NULL AND seconds > 0
GROUP BY service
ORDER BY idle_percent DESC, service
LIMIT 20;
