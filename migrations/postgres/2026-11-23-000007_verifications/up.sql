-- Mailed links: the holder of the secret may do `purpose` once for this user.
CREATE TABLE verifications (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    secret_hash BYTEA NOT NULL UNIQUE,
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX verifications_by_user ON verifications (user_id);
CREATE INDEX verifications_by_expiry ON verifications (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-23-000007_verifications', '0.1.0');
