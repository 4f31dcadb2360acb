-- SPDX-License-Identifier: Apache-2.0
--
-- Whose connections send most, and what do they have sent again? Needs --owner at the collector.
SELECT cgroup, comm, count(*) AS connections, sum(sent_bytes) AS sent_bytes,
       sum(retransmitted) AS sent_again
FROM flows
WHERE cgroup IS NOT NULL OR comm IS NOT NULL
GROUP BY cgroup, comm
ORDER BY sent_bytes DESC, cgroup, comm
LIMIT 20;
