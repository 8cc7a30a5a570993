-- Passkeys (WebAuthn).
--
-- The random handle by which authenticators know a user: one for each, so that an authenticator recognises the account
-- when another passkey is created.
CREATE TABLE passkey_handles (
    user_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    handle BYTEA NOT NULL UNIQUE
);

-- `credential_id` is chosen by the authenticator, and belongs to one user only. `public_key` is in the form of the library
-- that verifies. `counter` is the authenticator's signature counter. `transports` are separated by commas.
CREATE TABLE passkeys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    credential_id BYTEA NOT NULL UNIQUE,
    public_key BYTEA NOT NULL,
    counter BIGINT NOT NULL,
    transports TEXT NOT NULL,
    backup_eligible BOOLEAN NOT NULL,
    backed_up BOOLEAN NOT NULL,
    aaguid TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ
);
CREATE INDEX passkeys_by_user ON passkeys (user_id, id);

-- Registrations, sign-ins and re-authentications that have begun, each bound to a browser by a secret in its cookie.
-- `state` holds the challenge. The first response deletes the row, whatever its outcome.
CREATE TABLE passkey_ceremonies (
    secret_hash BYTEA NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id TEXT COLLATE "C" REFERENCES users (id) ON DELETE CASCADE,
    state BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX passkey_ceremonies_by_user ON passkey_ceremonies (user_id);
CREATE INDEX passkey_ceremonies_by_expiry ON passkey_ceremonies (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000031_passkeys', '0.3.0');
