-- SPDX-License-Identifier: Apache-2.0
--
-- What did the connection of a slow request look like? The table application_log is yours: when
-- a request began (`began`), the addresses and ports as this host saw them, what was asked (`request`)
-- and how long it took (`ms`). A log that has UUIDs joins by these alone.
SELECT request, ms, uuid, why, min_rtt_us, retransmitted
FROM application_log
JOIN flows USING (src, sport, dst, dport)
WHERE began >= first_seen AND began <= last_seen
ORDER BY ms DESC, uuid, request
LIMIT 20;
