DROP TRIGGER epoch_delete;
DROP TRIGGER epoch_generation;
DROP TRIGGER users_update;
DROP TRIGGER sessions_update;
DROP TRIGGER sessions_delete;
DROP TRIGGER api_tokens_update;
DROP TRIGGER api_tokens_delete;
DROP TABLE revocation_cleanup;
ALTER TABLE verifications DROP COLUMN generation;
ALTER TABLE api_tokens DROP COLUMN generation;
ALTER TABLE sessions DROP COLUMN generation;
ALTER TABLE epoch DROP COLUMN link_generation;
ALTER TABLE epoch DROP COLUMN token_generation;
ALTER TABLE epoch DROP COLUMN session_generation;
ALTER TABLE users DROP COLUMN link_generation;
ALTER TABLE users DROP COLUMN token_generation;
ALTER TABLE users DROP COLUMN session_generation;
CREATE TRIGGER users_update AFTER UPDATE ON users
WHEN OLD.id IS NOT NEW.id OR OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email
    OR OLD.email_verified IS NOT NEW.email_verified OR OLD.image IS NOT NEW.image
    OR OLD.role IS NOT NEW.role OR OLD.deactivated_at IS NOT NEW.deactivated_at
    OR OLD.created_at IS NOT NEW.created_at OR OLD.updated_at IS NOT NEW.updated_at
BEGIN
    INSERT INTO changed (user_id) VALUES (OLD.id);
END;
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
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000014_credential_generations';
