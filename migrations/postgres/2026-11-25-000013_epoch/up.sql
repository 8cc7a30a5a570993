-- The credential cache of an instance is valid for one epoch: docs/explanation/credential-cache.md. The epoch
-- changes together with whatever takes rights away or changes what a session shows. Triggers do this, so that a
-- change typed into psql counts as well. They name the columns that do not count: every other column does, also
-- one that is added later.
--
-- Leases are off, and no revocation waits, until `portcullis cache enable`.
CREATE TABLE epoch (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL,
    nonce TEXT NOT NULL,
    previous TEXT NOT NULL,
    lease_ms INTEGER NOT NULL CHECK (lease_ms >= 0),
    wait_ms INTEGER NOT NULL CHECK (wait_ms * 10 >= lease_ms * 11)
);
INSERT INTO epoch (id, number, nonce, previous, lease_ms, wait_ms)
VALUES (1, 0, gen_random_uuid()::text, '', 0, 0);

-- The invalidation log: between two epochs something changed for this user or, where the id is empty, for all
-- users.
CREATE TABLE changes (
    number BIGINT NOT NULL,
    concerns TEXT COLLATE "C" NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    PRIMARY KEY (number, concerns)
);

-- A transaction begins one epoch, however many rows it changes. Whether it has done so is kept in a setting of
-- the transaction, which is reset with a savepoint that is rolled back.
CREATE FUNCTION change(user_id TEXT) RETURNS VOID LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF coalesce(current_setting('portcullis.epoch', true), '') = '' THEN
        UPDATE epoch SET number = number + 1, previous = nonce, nonce = gen_random_uuid()::text;
        PERFORM set_config('portcullis.epoch', 'begun', true);
    END IF;
    INSERT INTO changes (number, concerns, before, after)
    SELECT number, user_id, previous, nonce FROM epoch
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION change_of_user() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM change(OLD.id);
    RETURN NULL;
END $$;

CREATE FUNCTION change_of_credential() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM change(OLD.user_id);
    IF TG_OP = 'UPDATE' THEN
        PERFORM change(NEW.user_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION change_of_everybody() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM change('');
    RETURN NULL;
END $$;

-- Deferred to the commit, so that the one row that all of them lock is locked last, and briefly.
CREATE CONSTRAINT TRIGGER users_update AFTER UPDATE ON users
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION change_of_user();
CREATE CONSTRAINT TRIGGER users_delete AFTER DELETE ON users
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
EXECUTE FUNCTION change_of_user();

-- Neither the last use nor a refresh counts: a refresh only moves the end later.
CREATE CONSTRAINT TRIGGER sessions_update AFTER UPDATE ON sessions
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (
    to_jsonb(OLD) - '{last_seen_at,updated_at,expires_at}'::TEXT[]
        IS DISTINCT FROM to_jsonb(NEW) - '{last_seen_at,updated_at,expires_at}'::TEXT[]
    OR NEW.expires_at < OLD.expires_at
)
EXECUTE FUNCTION change_of_credential();
-- A session that ended more than an hour ago has no rights left to lose, even if clocks differ.
CREATE CONSTRAINT TRIGGER sessions_delete AFTER DELETE ON sessions
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.expires_at > now() - INTERVAL '1 hour')
EXECUTE FUNCTION change_of_credential();

CREATE CONSTRAINT TRIGGER api_tokens_update AFTER UPDATE ON api_tokens
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (
    to_jsonb(OLD) - '{last_used_at,expires_at}'::TEXT[]
        IS DISTINCT FROM to_jsonb(NEW) - '{last_used_at,expires_at}'::TEXT[]
    OR coalesce(NEW.expires_at, 'infinity') < coalesce(OLD.expires_at, 'infinity')
)
EXECUTE FUNCTION change_of_credential();
CREATE CONSTRAINT TRIGGER api_tokens_delete AFTER DELETE ON api_tokens
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.revoked_at IS NULL AND coalesce(OLD.expires_at, 'infinity') > now() - INTERVAL '1 hour')
EXECUTE FUNCTION change_of_credential();

CREATE TRIGGER users_truncate AFTER TRUNCATE ON users
FOR EACH STATEMENT EXECUTE FUNCTION change_of_everybody();
CREATE TRIGGER sessions_truncate AFTER TRUNCATE ON sessions
FOR EACH STATEMENT EXECUTE FUNCTION change_of_everybody();
CREATE TRIGGER api_tokens_truncate AFTER TRUNCATE ON api_tokens
FOR EACH STATEMENT EXECUTE FUNCTION change_of_everybody();

-- ALWAYS, since triggers do not fire otherwise where logical replication applies the changes of another server.
ALTER TABLE users
    ENABLE ALWAYS TRIGGER users_update,
    ENABLE ALWAYS TRIGGER users_delete,
    ENABLE ALWAYS TRIGGER users_truncate;
ALTER TABLE sessions
    ENABLE ALWAYS TRIGGER sessions_update,
    ENABLE ALWAYS TRIGGER sessions_delete,
    ENABLE ALWAYS TRIGGER sessions_truncate;
ALTER TABLE api_tokens
    ENABLE ALWAYS TRIGGER api_tokens_update,
    ENABLE ALWAYS TRIGGER api_tokens_delete,
    ENABLE ALWAYS TRIGGER api_tokens_truncate;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-25-000013_epoch', '0.2.0');
