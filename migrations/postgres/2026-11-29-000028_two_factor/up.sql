-- The second factor: time-based one-time codes (TOTP), recovery codes, and trusted devices.
--
-- Whether it is on. It is repeated here, because the gate must know: it reads no other table of the user's.
ALTER TABLE users ADD COLUMN two_factor_enabled BOOLEAN NOT NULL DEFAULT FALSE;

-- When the second factor was last proved in a session, which some changes require.
ALTER TABLE sessions ADD COLUMN second_factor_at TIMESTAMPTZ;

-- `secret` is encrypted by a key that is derived from a signing secret, whose fingerprint is `key_fingerprint`.
-- It is in use once `verified_at` is set. `last_step` is the time step of the last code that was accepted: each
-- code is accepted once. `recovery_salt` is the salt of the user's recovery codes, with the parameters of
-- argon2id.
CREATE TABLE two_factor (
    user_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret BYTEA NOT NULL,
    key_fingerprint BYTEA NOT NULL,
    verified_at TIMESTAMPTZ,
    last_step BIGINT NOT NULL,
    recovery_salt TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX two_factor_by_key ON two_factor (key_fingerprint, user_id);

-- A row is deleted when its code is used.
CREATE TABLE recovery_codes (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Browsers in which the second factor is not asked for. `generation` is the sum of the generations of sessions
-- and of links, the user's and the site's: whatever revokes all sessions or all links revokes these as well.
CREATE TABLE trusted_devices (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash BYTEA NOT NULL UNIQUE,
    generation BIGINT NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX trusted_devices_by_user ON trusted_devices (user_id, id);
CREATE INDEX trusted_devices_by_expiry ON trusted_devices (expires_at);

-- Sign-ins that wait for the second factor. Not sessions: the gate does not read them. `generation` is as for trusted
-- devices; `methods` as for sessions; `attempts` counts the codes that were tried.
CREATE TABLE sign_in_challenges (
    secret_hash BYTEA NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    methods TEXT NOT NULL,
    remember BOOLEAN NOT NULL,
    attempts INTEGER NOT NULL,
    generation BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_in_challenges_by_user ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_by_expiry ON sign_in_challenges (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000028_two_factor', '0.3.0');
