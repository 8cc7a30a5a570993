CREATE OR REPLACE FUNCTION change_of_credential() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM change(OLD.user_id);
    IF TG_OP = 'UPDATE' THEN
        PERFORM change(NEW.user_id);
    END IF;
    RETURN NULL;
END $$;
DROP FUNCTION is_current(TEXT, TEXT, BIGINT);
DROP TRIGGER epoch_truncate ON epoch;
DROP TRIGGER epoch_delete ON epoch;
DROP TRIGGER epoch_generation ON epoch;
DROP FUNCTION keep_epoch();
DROP TABLE revocation_cleanup;
ALTER TABLE verifications DROP COLUMN generation;
ALTER TABLE api_tokens DROP COLUMN generation;
ALTER TABLE sessions DROP COLUMN generation;
ALTER TABLE epoch
    DROP COLUMN link_generation,
    DROP COLUMN token_generation,
    DROP COLUMN session_generation;
ALTER TABLE users
    DROP COLUMN link_generation,
    DROP COLUMN token_generation,
    DROP COLUMN session_generation;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000014_credential_generations';
