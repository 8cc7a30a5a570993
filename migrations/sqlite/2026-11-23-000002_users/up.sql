CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    email_verified INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    image TEXT,
    role TEXT NOT NULL CHECK (role IN ('user', 'admin')),
    deactivated_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (provider_id, account_id)
) STRICT;
CREATE INDEX accounts_by_user ON accounts (user_id);

-- Each row is a mutex. A transaction that may change the number of active admins locks 'admins' first, so that
-- two transactions cannot each rely on the other's admin and leave none.
CREATE TABLE locks (
    name TEXT NOT NULL PRIMARY KEY
) STRICT;
INSERT INTO locks (name) VALUES ('admins');

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-23-000002_users', '0.1.0');
