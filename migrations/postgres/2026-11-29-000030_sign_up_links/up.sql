-- Mailed links that create an account when they are used, for an email that no account had when the link was mailed.
-- Links to sign in to an account are rows of `verifications`.
CREATE TABLE sign_up_links (
    secret_hash BYTEA NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    job_id TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_up_links_by_email ON sign_up_links (email);
CREATE INDEX sign_up_links_by_expiry ON sign_up_links (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000030_sign_up_links', '0.3.0');
