-- Suspension of access by the owner of an account, with a link in a mail about a change that they did not make.
ALTER TABLE users ADD COLUMN suspended_at INTEGER;
CREATE TRIGGER users_suspended AFTER UPDATE OF suspended_at ON users
WHEN OLD.suspended_at IS NOT NEW.suspended_at
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.id);
END;

-- The email that the link was mailed to: only its mailbox can restore access.
CREATE TABLE suspensions (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    email TEXT NOT NULL
) STRICT;

-- No generation, unlike other links: a thief who changes the password must not revoke these.
CREATE TABLE suspension_links (
    secret_hash BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX suspension_links_by_user ON suspension_links (user_id);
CREATE INDEX suspension_links_by_expiry ON suspension_links (expires_at);

-- The browsers and networks from which a user has signed in: a sign-in from others is reported by mail.
CREATE TABLE known_clients (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    program TEXT NOT NULL,
    network TEXT NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, program, network)
) STRICT;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000032_suspension', '0.3.0');
