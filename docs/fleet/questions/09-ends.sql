-- SPDX-License-Identifier: Apache-2.0
--
-- How do connections end? By service; an empty cell is a connection that was open still.
SELECT service, closed, count(*) AS connections, sum(seconds) AS open_s
FROM flows
GROUP BY service, closed
ORDER BY connections DESC, service, closed
LIMIT 40;
