-- The credential cache of the server is valid for one epoch: docs/explanation/credential-cache.md. The epoch
-- changes together with whatever takes rights away or changes what a session shows. Triggers do this, so that a
-- change typed into the sqlite3 shell counts as well. They name the columns that count;
-- tests/api/credential_cache/epoch.rs tries every column.
--
-- The server holds a lock on this file and is the only instance, so leases are on: any other process that
-- writes waits.
CREATE TABLE epoch (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL,
    nonce TEXT NOT NULL,
    previous TEXT NOT NULL,
    lease_ms INTEGER NOT NULL CHECK (lease_ms >= 0),
    wait_ms INTEGER NOT NULL CHECK (wait_ms * 10 >= lease_ms * 11)
) STRICT;
INSERT INTO epoch (id, number, nonce, previous, lease_ms, wait_ms)
VALUES (1, 0, lower(hex(randomblob(16))), '', 300, 330);

-- The invalidation log: between two epochs something changed for this user or, where the id is empty, for all
-- users.
CREATE TABLE changes (
    number INTEGER NOT NULL,
    concerns TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    PRIMARY KEY (number, concerns)
) STRICT, WITHOUT ROWID;

-- SQLite has no stored functions: an insertion into this view stands for a call.
CREATE VIEW changed (user_id) AS SELECT '' WHERE 0;
CREATE TRIGGER change INSTEAD OF INSERT ON changed BEGIN
    UPDATE epoch SET number = number + 1, previous = nonce, nonce = lower(hex(randomblob(16)));
    INSERT INTO changes (number, concerns, before, after)
    SELECT number, NEW.user_id, previous, nonce FROM epoch;
END;

CREATE TRIGGER users_update AFTER UPDATE ON users
WHEN OLD.id IS NOT NEW.id OR OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email
    OR OLD.email_verified IS NOT NEW.email_verified OR OLD.image IS NOT NEW.image
    OR OLD.role IS NOT NEW.role OR OLD.deactivated_at IS NOT NEW.deactivated_at
    OR OLD.created_at IS NOT NEW.created_at OR OLD.updated_at IS NOT NEW.updated_at
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.id);
END;
CREATE TRIGGER users_delete AFTER DELETE ON users BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.id);
END;

-- Neither the last use nor a refresh counts: a refresh only moves the end later.
CREATE TRIGGER sessions_update AFTER UPDATE ON sessions
WHEN OLD.id IS NOT NEW.id OR OLD.user_id IS NOT NEW.user_id
    OR OLD.secret_hash IS NOT NEW.secret_hash OR OLD.authenticated_at IS NOT NEW.authenticated_at
    OR OLD.remember IS NOT NEW.remember OR OLD.ip_address IS NOT NEW.ip_address
    OR OLD.user_agent IS NOT NEW.user_agent OR OLD.created_at IS NOT NEW.created_at
    OR NEW.expires_at < OLD.expires_at
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
    INSERT INTO changed (user_id) SELECT NEW.user_id WHERE NEW.user_id IS NOT OLD.user_id;
END;
-- A session that ended more than an hour ago has no rights left to lose, even if clocks differ.
CREATE TRIGGER sessions_delete AFTER DELETE ON sessions
WHEN OLD.expires_at > (unixepoch() - 3600) * 1000000
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
END;

CREATE TRIGGER api_tokens_update AFTER UPDATE ON api_tokens
WHEN OLD.id IS NOT NEW.id OR OLD.user_id IS NOT NEW.user_id
    OR OLD.token_hash IS NOT NEW.token_hash OR OLD.display_prefix IS NOT NEW.display_prefix
    OR OLD.name IS NOT NEW.name OR OLD.scopes IS NOT NEW.scopes
    OR OLD.revoked_at IS NOT NEW.revoked_at OR OLD.created_at IS NOT NEW.created_at
    OR (NEW.expires_at IS NOT NULL AND (OLD.expires_at IS NULL OR NEW.expires_at < OLD.expires_at))
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
    INSERT INTO changed (user_id) SELECT NEW.user_id WHERE NEW.user_id IS NOT OLD.user_id;
END;
CREATE TRIGGER api_tokens_delete AFTER DELETE ON api_tokens
WHEN OLD.revoked_at IS NULL
    AND (OLD.expires_at IS NULL OR OLD.expires_at > (unixepoch() - 3600) * 1000000)
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
END;

-- The rows that REPLACE deletes fire no trigger of their own, so they are recorded before they are deleted. A
-- user counts only once the row is gone, since a sign-up with an email that is taken adds nothing and deletes
-- no user.
CREATE TABLE replaced (
    concerns TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TRIGGER users_replace BEFORE INSERT ON users BEGIN
    INSERT OR IGNORE INTO replaced (concerns)
    SELECT id FROM users WHERE id = NEW.id OR lower(email) = lower(NEW.email);
END;
CREATE TRIGGER users_replaced AFTER INSERT ON users WHEN EXISTS (SELECT 1 FROM replaced) BEGIN
    INSERT INTO changed (user_id)
    SELECT concerns FROM replaced WHERE concerns = NEW.id OR concerns NOT IN (SELECT id FROM users);
    DELETE FROM replaced;
END;
CREATE TRIGGER users_update_replace BEFORE UPDATE ON users
WHEN OLD.id IS NOT NEW.id OR OLD.email IS NOT NEW.email
BEGIN
    INSERT INTO changed (user_id)
    SELECT id FROM users
    WHERE (id = NEW.id OR lower(email) = lower(NEW.email)) AND id <> OLD.id;
END;
CREATE TRIGGER sessions_replace BEFORE INSERT ON sessions BEGIN
    INSERT INTO changed (user_id)
    SELECT user_id FROM sessions WHERE id = NEW.id OR secret_hash = NEW.secret_hash;
END;
CREATE TRIGGER sessions_update_replace BEFORE UPDATE ON sessions
WHEN OLD.id IS NOT NEW.id OR OLD.secret_hash IS NOT NEW.secret_hash
BEGIN
    INSERT INTO changed (user_id)
    SELECT user_id FROM sessions
    WHERE (id = NEW.id OR secret_hash = NEW.secret_hash) AND id <> OLD.id;
END;
CREATE TRIGGER api_tokens_replace BEFORE INSERT ON api_tokens BEGIN
    INSERT INTO changed (user_id)
    SELECT user_id FROM api_tokens WHERE id = NEW.id OR token_hash = NEW.token_hash;
END;
CREATE TRIGGER api_tokens_update_replace BEFORE UPDATE ON api_tokens
WHEN OLD.id IS NOT NEW.id OR OLD.token_hash IS NOT NEW.token_hash
BEGIN
    INSERT INTO changed (user_id)
    SELECT user_id FROM api_tokens
    WHERE (id = NEW.id OR token_hash = NEW.token_hash) AND id <> OLD.id;
END;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-25-000013_epoch', '0.2.0');
