-- SPDX-License-Identifier: Apache-2.0
--
-- When, and to which networks, are segments sent again? Hours in UTC.
SELECT hour, network, sum(data_segs_out) AS segments, sum(retransmitted) AS sent_again,
       100.0 * sum(retransmitted) / sum(data_segs_out) AS percent
FROM flows
WHERE data_segs_out > 0
GROUP BY hour, network
HAVING sum(retransmitted) > 0
ORDER BY percent DESC, hour, network
LIMIT 20;
