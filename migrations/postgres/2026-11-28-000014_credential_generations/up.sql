-- A credential is valid only while its generation equals its user's number plus the site's, each for its kind
-- of credential. Both numbers only grow, so incrementing one revokes any number of credentials in one small
-- write. Numbers and not times, since clocks differ. Rows of old generations are deleted later, in batches.
ALTER TABLE users
    ADD COLUMN session_generation BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN token_generation BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN link_generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE epoch
    ADD COLUMN session_generation BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN token_generation BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN link_generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_tokens ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE verifications ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

-- The rows of old generations that are still to be deleted: of one user or, without one, of all. `cursor` is
-- the id up to which that has been done.
CREATE TABLE revocation_cleanup (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('sessions', 'tokens', 'links')),
    user_id TEXT COLLATE "C" REFERENCES users (id) ON DELETE CASCADE,
    cursor TEXT COLLATE "C" NOT NULL,
    revoked_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX revocation_cleanup_by_user ON revocation_cleanup (user_id);

CREATE CONSTRAINT TRIGGER epoch_generation AFTER UPDATE ON epoch
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.session_generation <> NEW.session_generation OR OLD.token_generation <> NEW.token_generation)
EXECUTE FUNCTION change_of_everybody();

-- Without this row no credential could be told from a revoked one.
CREATE FUNCTION keep_epoch() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the row of epoch says which credentials are valid';
END $$;
CREATE TRIGGER epoch_delete BEFORE DELETE ON epoch
FOR EACH STATEMENT EXECUTE FUNCTION keep_epoch();
CREATE TRIGGER epoch_truncate BEFORE TRUNCATE ON epoch
FOR EACH STATEMENT EXECUTE FUNCTION keep_epoch();

ALTER TABLE epoch
    ENABLE ALWAYS TRIGGER epoch_generation,
    ENABLE ALWAYS TRIGGER epoch_delete,
    ENABLE ALWAYS TRIGGER epoch_truncate;

-- A row of an old generation has no rights left to lose: its deletion begins no epoch. Checked at the commit,
-- when a user who was deleted in the same transaction, or has a new generation, has begun one already.
CREATE FUNCTION is_current(kind TEXT, user_id TEXT, generation BIGINT) RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT 1 FROM users, epoch
        WHERE users.id = $2 AND $3 = CASE $1
            WHEN 'sessions' THEN users.session_generation + epoch.session_generation
            ELSE users.token_generation + epoch.token_generation
        END
    )
$$;
CREATE OR REPLACE FUNCTION change_of_credential() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF is_current(TG_TABLE_NAME, OLD.user_id, OLD.generation) THEN
            PERFORM change(OLD.user_id);
        END IF;
    ELSIF is_current(TG_TABLE_NAME, OLD.user_id, OLD.generation)
        OR is_current(TG_TABLE_NAME, NEW.user_id, NEW.generation) THEN
        PERFORM change(OLD.user_id);
        PERFORM change(NEW.user_id);
    END IF;
    RETURN NULL;
END $$;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000014_credential_generations', '0.3.0');
