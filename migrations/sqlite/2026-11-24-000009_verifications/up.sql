-- A link is bound to the email that it was mailed to, to the job that mailed it, and, where it must not outlive
-- it, to the session that requested it. Links live for hours: those in the old form are dropped, and users
-- request new ones.
DROP TABLE verifications;
CREATE TABLE verifications (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    email TEXT NOT NULL,
    session_id TEXT,
    job_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX verifications_by_user ON verifications (user_id);
CREATE INDEX verifications_by_expiry ON verifications (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-24-000009_verifications', '0.2.0');
