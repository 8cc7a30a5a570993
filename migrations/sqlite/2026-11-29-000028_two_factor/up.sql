-- The second factor: time-based one-time codes (TOTP), recovery codes, and trusted devices.
--
-- Whether it is on. It is repeated here, because the gate must know: it reads no other table of the user's.
ALTER TABLE users ADD COLUMN two_factor_enabled INTEGER NOT NULL DEFAULT 0 CHECK (two_factor_enabled IN (0, 1));
CREATE TRIGGER users_two_factor AFTER UPDATE OF two_factor_enabled ON users
WHEN OLD.two_factor_enabled IS NOT NEW.two_factor_enabled
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.id);
END;

-- `secret` is encrypted by a key that is derived from a signing secret, whose fingerprint is `key_fingerprint`.
-- It is in use once `verified_at` is set. `last_step` is the time step of the last code that was accepted: each
-- code is accepted once. `recovery_salt` is the salt of the user's recovery codes, with the parameters of
-- argon2id.
CREATE TABLE two_factor (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    key_fingerprint BLOB NOT NULL,
    verified_at INTEGER,
    last_step INTEGER NOT NULL,
    recovery_salt TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX two_factor_by_key ON two_factor (key_fingerprint, user_id);

-- A row is deleted when its code is used.
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT;

-- Browsers in which the second factor is not asked for. `generation` is the sum of the generations of sessions
-- and of links, the user's and the site's: whatever revokes all sessions or all links revokes these as well.
CREATE TABLE trusted_devices (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash BLOB NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX trusted_devices_by_user ON trusted_devices (user_id, id);
CREATE INDEX trusted_devices_by_expiry ON trusted_devices (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000028_two_factor', '0.3.0');
