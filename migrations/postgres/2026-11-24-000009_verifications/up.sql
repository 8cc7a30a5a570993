-- A link is bound to the email that it was mailed to, to the job that mailed it, and, where it must not outlive
-- it, to the session that requested it. Links live for hours: those in the old form are dropped, and users
-- request new ones.
DROP TABLE verifications;
CREATE TABLE verifications (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    secret_hash BYTEA NOT NULL UNIQUE,
    email TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C",
    job_id TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX verifications_by_user ON verifications (user_id);
CREATE INDEX verifications_by_expiry ON verifications (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-24-000009_verifications', '0.2.0');
