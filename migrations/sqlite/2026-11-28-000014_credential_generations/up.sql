-- A credential is valid only while its generation equals its user's number plus the site's, each for its kind
-- of credential. Both numbers only grow, so incrementing one revokes any number of credentials in one small
-- write. Numbers and not times, since a clock may be set back. Rows of old generations are deleted later, in
-- batches.
ALTER TABLE users ADD COLUMN session_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN token_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN link_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN session_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN token_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN link_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_tokens ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verifications ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

-- The rows of old generations that are still to be deleted: of one user or, without one, of all. `cursor` is
-- the id up to which that has been done.
CREATE TABLE revocation_cleanup (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('sessions', 'tokens', 'links')),
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    cursor TEXT NOT NULL,
    revoked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX revocation_cleanup_by_user ON revocation_cleanup (user_id);

DROP TRIGGER users_update;
CREATE TRIGGER users_update AFTER UPDATE ON users
WHEN OLD.id IS NOT NEW.id OR OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email
    OR OLD.email_verified IS NOT NEW.email_verified OR OLD.image IS NOT NEW.image
    OR OLD.role IS NOT NEW.role OR OLD.deactivated_at IS NOT NEW.deactivated_at
    OR OLD.created_at IS NOT NEW.created_at OR OLD.updated_at IS NOT NEW.updated_at
    OR OLD.session_generation IS NOT NEW.session_generation
    OR OLD.token_generation IS NOT NEW.token_generation
    OR OLD.link_generation IS NOT NEW.link_generation
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.id);
END;

CREATE TRIGGER epoch_generation AFTER UPDATE OF session_generation, token_generation ON epoch
WHEN OLD.session_generation IS NOT NEW.session_generation
    OR OLD.token_generation IS NOT NEW.token_generation
BEGIN
    INSERT INTO changed (user_id) VALUES ('');
END;
-- Without this row no credential could be told from a revoked one.
CREATE TRIGGER epoch_delete BEFORE DELETE ON epoch BEGIN
    SELECT RAISE(ABORT, 'the row of epoch says which credentials are valid');
END;

-- A row of an old generation has no rights left to lose: its deletion begins no epoch.
DROP TRIGGER sessions_update;
CREATE TRIGGER sessions_update AFTER UPDATE ON sessions
WHEN (OLD.id IS NOT NEW.id OR OLD.user_id IS NOT NEW.user_id
    OR OLD.secret_hash IS NOT NEW.secret_hash OR OLD.authenticated_at IS NOT NEW.authenticated_at
    OR OLD.remember IS NOT NEW.remember OR OLD.ip_address IS NOT NEW.ip_address
    OR OLD.user_agent IS NOT NEW.user_agent OR OLD.created_at IS NOT NEW.created_at
    OR OLD.generation IS NOT NEW.generation OR NEW.expires_at < OLD.expires_at)
    AND EXISTS (
        SELECT 1 FROM users, epoch
        WHERE (users.id = OLD.user_id
                AND OLD.generation = users.session_generation + epoch.session_generation)
            OR (users.id = NEW.user_id
                AND NEW.generation = users.session_generation + epoch.session_generation)
    )
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
    INSERT INTO changed (user_id) SELECT NEW.user_id WHERE NEW.user_id IS NOT OLD.user_id;
END;
DROP TRIGGER sessions_delete;
CREATE TRIGGER sessions_delete AFTER DELETE ON sessions
WHEN OLD.expires_at > (unixepoch() - 3600) * 1000000
    AND EXISTS (
        SELECT 1 FROM users, epoch
        WHERE users.id = OLD.user_id
            AND OLD.generation = users.session_generation + epoch.session_generation
    )
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
END;

DROP TRIGGER api_tokens_update;
CREATE TRIGGER api_tokens_update AFTER UPDATE ON api_tokens
WHEN (OLD.id IS NOT NEW.id OR OLD.user_id IS NOT NEW.user_id
    OR OLD.token_hash IS NOT NEW.token_hash OR OLD.display_prefix IS NOT NEW.display_prefix
    OR OLD.name IS NOT NEW.name OR OLD.scopes IS NOT NEW.scopes
    OR OLD.revoked_at IS NOT NEW.revoked_at OR OLD.created_at IS NOT NEW.created_at
    OR OLD.generation IS NOT NEW.generation
    OR (NEW.expires_at IS NOT NULL AND (OLD.expires_at IS NULL OR NEW.expires_at < OLD.expires_at)))
    AND EXISTS (
        SELECT 1 FROM users, epoch
        WHERE (users.id = OLD.user_id
                AND OLD.generation = users.token_generation + epoch.token_generation)
            OR (users.id = NEW.user_id
                AND NEW.generation = users.token_generation + epoch.token_generation)
    )
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
    INSERT INTO changed (user_id) SELECT NEW.user_id WHERE NEW.user_id IS NOT OLD.user_id;
END;
DROP TRIGGER api_tokens_delete;
CREATE TRIGGER api_tokens_delete AFTER DELETE ON api_tokens
WHEN OLD.revoked_at IS NULL
    AND (OLD.expires_at IS NULL OR OLD.expires_at > (unixepoch() - 3600) * 1000000)
    AND EXISTS (
        SELECT 1 FROM users, epoch
        WHERE users.id = OLD.user_id
            AND OLD.generation = users.token_generation + epoch.token_generation
    )
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.user_id);
END;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000014_credential_generations', '0.3.0');
