-- SPDX-License-Identifier: Apache-2.0
--
-- Who changed since last week? Networks whose round trip of the last seven days differs from that
-- of the seven before, the largest changes first. Both weeks have five connections at least.
SELECT network, before_us, now_us, now_us - before_us AS change_us
FROM (SELECT network AS network, count(*) AS before_connections,
             percentile_disc(0.5) WITHIN GROUP (ORDER BY min_rtt_us) AS before_us
      FROM flows
      WHERE min_rtt_us IS NOT NULL
        AND day_number > (SELECT max(day_number) FROM flows) - 14
        AND day_number <= (SELECT max(day_number) FROM flows) - 7
      GROUP BY network) AS week_before
JOIN (SELECT network AS network, count(*) AS now_connections,
             percentile_disc(0.5) WITHIN GROUP (ORDER BY min_rtt_us) AS now_us
      FROM flows
      WHERE min_rtt_us IS NOT NULL
        AND day_number > (SELECT max(day_number) FROM flows) - 7
      GROUP BY network) AS week_now USING (network)
WHERE before_connections >= 5 AND now_connections >= 5 AND now_us <> before_us
ORDER BY abs(now_us - before_us) DESC, network
LIMIT 20;
