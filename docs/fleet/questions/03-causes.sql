-- SPDX-License-Identifier: Apache-2.0
--
-- What limits connections? Seconds by the cause that limited most of a connection, and their share
-- of all connection-seconds.
SELECT why, count(*) AS connections, sum(limited_seconds) AS limited_s,
       100.0 * sum(limited_seconds) / (SELECT sum(seconds) FROM flows) AS percent
FROM flows
WHERE why IS NOT NULL
GROUP BY why
ORDER BY percent DESC, why;
