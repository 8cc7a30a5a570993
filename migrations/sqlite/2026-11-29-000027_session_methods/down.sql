DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000027_session_methods';
DROP TRIGGER sessions_update;
ALTER TABLE sessions DROP COLUMN methods;
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
