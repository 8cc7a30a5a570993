-- Retention finds the rows to delete by an index, a few at a time, however many there are.
CREATE INDEX jobs_by_end ON jobs (given_up_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX api_tokens_by_revocation ON api_tokens (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX setup_links_by_expiry ON setup_links (expires_at);

-- How far retention trusts the clock: docs/explanation/retention.md. `mark` advances by the uptime of the
-- instances that look at it, and not by the calendar. While the clock is ahead of it without an explanation,
-- `jump` says by how many microseconds, and `steady_from` what the mark was when that began. `corrections`
-- counts how often an operator has set the mark: whatever an instance remembers of it from before is void.
--
-- In a database that is in use, the first mark is the time of its newest row, since the clock may be wrong just
-- now.
CREATE TABLE retention_clock (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    mark INTEGER NOT NULL,
    jump INTEGER,
    steady_from INTEGER,
    corrections INTEGER NOT NULL
) STRICT;
INSERT INTO retention_clock (id, mark, corrections)
SELECT 1, min(unixepoch() * 1000000, coalesce(max(at), unixepoch() * 1000000)), 0
FROM (
    SELECT max(created_at) AS at FROM audit_events
    UNION ALL SELECT (SELECT created_at FROM users ORDER BY id DESC LIMIT 1)
    UNION ALL SELECT (SELECT last_seen_at FROM sessions ORDER BY id DESC LIMIT 1)
);

-- Whether the time until `run_at` is a worker's lease, and not the delay after a failure; and how often the job
-- was claimed.
ALTER TABLE jobs ADD COLUMN leased INTEGER NOT NULL DEFAULT 0 CHECK (leased IN (0, 1));
ALTER TABLE jobs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_leased ON jobs (run_at) WHERE leased;

-- The order in which a user's links were created, independent of the clock.
ALTER TABLE verifications ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE verifications SET number = earlier.number
FROM (
    SELECT id AS link, row_number() OVER (PARTITION BY user_id ORDER BY id) AS number
    FROM verifications
) AS earlier
WHERE id = earlier.link;

-- When a user deleted their account: the rows that belong to it are deleted in batches, and the user's row
-- last. Until then no response shows it.
ALTER TABLE users ADD COLUMN deleted_at INTEGER;
CREATE INDEX users_deleted ON users (deleted_at) WHERE deleted_at IS NOT NULL;
-- Responses that show a user change with this column; on PostgreSQL every column counts.
CREATE TRIGGER users_mark AFTER UPDATE OF deleted_at ON users
WHEN OLD.deleted_at IS NOT NEW.deleted_at
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.id);
END;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000015_retention', '0.3.0');
