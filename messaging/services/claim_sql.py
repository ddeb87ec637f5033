"""The statement that claims. Its cost follows what it takes, not what waits: backlogs of any size may stand beside it.

It walks the index from line to line, and of each line that may send takes the heads of free lanes: first among its
oldest ``WINDOW`` items, and if those are all behind others, from lane to lane.

A paced line has a bucket in ``messaging_linepace``: ``next_send_at`` is when it may send its next message. Messages
take from it in the transaction of the claim, so the pace holds across all workers and machines.
"""

WINDOW = 200

_OPEN = "status IN ('pending', 'claimed')"
_DUE = "o.not_before <= statement_timestamp() AND o.deadline_at > statement_timestamp()"
# One line, written as a range: so only the index of (line, id) can serve the order, never the primary key's, along
# which everything ever sent would be passed by.
_OF_LINE = "line_id >= may.line_id AND line_id <= may.line_id AND status = 'pending' ORDER BY line_id, id"
_WINDOW_END = f"SELECT id FROM messaging_outboxitem WHERE {_OF_LINE} OFFSET {WINDOW - 1} LIMIT 1"
# The heads of free lanes among the oldest items of a line
_OLDEST = f"""
SELECT o.id, o.operation FROM (
    SELECT id, lane, operation, not_before, deadline_at FROM messaging_outboxitem WHERE {_OF_LINE} LIMIT {WINDOW}
) o
WHERE {_DUE} AND o.id = (SELECT p.id FROM messaging_outboxitem p
    WHERE p.line_id = may.line_id AND p.lane = o.lane AND p.{_OPEN} ORDER BY p.id LIMIT 1)
"""
# The heads of all its lanes beyond those; only looked at when they did not suffice
_BY_LANE = f"""
SELECT o.id, o.operation FROM (
    WITH RECURSIVE lane AS (
        (SELECT n.lane, n.id, n.operation, n.status, n.not_before, n.deadline_at FROM messaging_outboxitem n
         WHERE n.line_id = may.line_id AND n.{_OPEN} AND EXISTS ({_WINDOW_END})
         ORDER BY n.lane, n.id LIMIT 1)
        UNION ALL
        SELECT n.* FROM lane CROSS JOIN LATERAL (
            SELECT o.lane, o.id, o.operation, o.status, o.not_before, o.deadline_at FROM messaging_outboxitem o
            WHERE o.line_id = may.line_id AND o.{_OPEN} AND o.lane > lane.lane
            ORDER BY o.lane, o.id LIMIT 1) n)
    SELECT * FROM lane
) o
WHERE o.status = 'pending' AND {_DUE} AND o.id > ({_WINDOW_END})
"""

CLAIM = f"""
WITH RECURSIVE flying AS (
    SELECT line_id, count(*) AS n FROM messaging_outboxitem WHERE status = 'claimed' GROUP BY line_id
), backlog AS (
    (SELECT line_id FROM messaging_outboxitem WHERE status = 'pending' ORDER BY line_id LIMIT 1)
    UNION ALL
    SELECT n.line_id FROM backlog CROSS JOIN LATERAL (
        SELECT o.line_id FROM messaging_outboxitem o WHERE o.status = 'pending' AND o.line_id > backlog.line_id
        ORDER BY o.line_id LIMIT 1) n
), paces AS (
    SELECT l.id AS line_id, %(room)s - coalesce(f.n, 0) AS room, p.next_send_at,
        nullif(coalesce(l.messages_per_second, CASE WHEN l.transport <> 'simulator' THEN %(pace)s END), 0) AS pace
    FROM backlog b JOIN lines_line l ON l.id = b.line_id
    LEFT JOIN flying f ON f.line_id = l.id LEFT JOIN messaging_linepace p ON p.line_id = l.id
    WHERE l.transport = ANY(%(transports)s)
        AND l.paused_at IS NULL AND l.deleted_at IS NULL AND l.health NOT IN ('down', 'unpaired')
), may AS (
    SELECT line_id, room, pace, CASE
        WHEN pace IS NULL THEN 1000000
        WHEN next_send_at > statement_timestamp() THEN 0
        ELSE least(greatest(floor(pace / 4), 1), 1 + floor(pace * coalesce(
            extract(epoch FROM statement_timestamp() - next_send_at), 1000000)))
        END AS tokens
    FROM paces WHERE room > 0
), heads AS (
    SELECT h.id, row_number() OVER (PARTITION BY may.line_id ORDER BY h.id) AS place, may.tokens,
        h.operation IN ('send', 'audio') AS is_message, count(*) FILTER (WHERE h.operation IN ('send', 'audio'))
            OVER (PARTITION BY may.line_id ORDER BY h.id) AS message_place
    FROM may CROSS JOIN LATERAL (({_OLDEST} ORDER BY o.id) UNION ALL {_BY_LANE} LIMIT may.room) h
    WHERE may.tokens > 0
), ready AS (
    SELECT o.id FROM messaging_outboxitem o JOIN heads h ON h.id = o.id
    WHERE o.status = 'pending' AND (NOT h.is_message OR h.message_place <= h.tokens)
    ORDER BY h.place, o.id LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED
), claimed AS (
    UPDATE messaging_outboxitem o SET status = 'claimed', claim_token = %(token)s, claimed_by = %(worker)s,
        claimed_at = statement_timestamp(),
        lease_until = statement_timestamp() + make_interval(secs => %(lease)s), held_reason = '', resumes_at = NULL
    FROM ready WHERE o.id = ready.id
    RETURNING o.id, o.line_id, o.operation
), paced AS (
    INSERT INTO messaging_linepace AS p (line_id, next_send_at)
    SELECT c.line_id, statement_timestamp() + make_interval(secs => count(*) / min(may.pace))
    FROM claimed c JOIN may ON may.line_id = c.line_id
    WHERE may.pace IS NOT NULL AND c.operation IN ('send', 'audio') GROUP BY c.line_id
    ON CONFLICT (line_id) DO UPDATE SET next_send_at = excluded.next_send_at
)
SELECT id FROM claimed
"""

# Seconds until a paced line with a backlog may send again; NULL if none will within the next seconds. One that may
# since just now counts too: the claim before may have come a moment too early.
NEXT_PACE = """
SELECT min(greatest(extract(epoch FROM p.next_send_at - statement_timestamp()), 0))::float8 FROM messaging_linepace p
JOIN lines_line l ON l.id = p.line_id
WHERE p.next_send_at > statement_timestamp() - interval '0.3 s'
    AND p.next_send_at < statement_timestamp() + make_interval(secs => %s)
    AND l.paused_at IS NULL AND l.deleted_at IS NULL AND l.health NOT IN ('down', 'unpaired')
    AND EXISTS (SELECT FROM messaging_outboxitem o
        WHERE o.line_id = p.line_id AND o.status = 'pending' AND o.not_before <= statement_timestamp())
"""
