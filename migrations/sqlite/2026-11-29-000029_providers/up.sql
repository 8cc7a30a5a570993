-- Sign-ins at identity providers that have begun: what the provider's callback needs to know. Their secret is in a
-- cookie of the browser; `state_hash` is the hash of the state that is derived from it. A row is deleted by the first
-- callback with its state. `user_id` and `session_id` are the session's that links an account. The accounts are rows of
-- `accounts`.
CREATE TABLE provider_flows (
    state_hash BLOB NOT NULL PRIMARY KEY,
    provider_id TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT,
    callback_url TEXT,
    new_user_callback_url TEXT,
    error_callback_url TEXT,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX provider_flows_by_user ON provider_flows (user_id);
CREATE INDEX provider_flows_by_expiry ON provider_flows (expires_at);

-- ID tokens that clients have presented, each of which signs in once, until they are too old to be accepted.
CREATE TABLE used_id_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX used_id_tokens_by_expiry ON used_id_tokens (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000029_providers', '0.3.0');
