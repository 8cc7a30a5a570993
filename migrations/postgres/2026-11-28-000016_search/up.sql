-- The search index: the words of each user's name and email, normalised in case and accents:
-- src/store/tables/users/search.
CREATE TABLE user_words (
    word TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    PRIMARY KEY (word, user_id)
);
CREATE INDEX user_words_by_user ON user_words (user_id, word);

-- Whether the index holds the words of the present name and email. The application writes both in one
-- transaction. For a row that was added or changed by other means this is false, and the server adds its words
-- later.
ALTER TABLE users ADD COLUMN search_indexed BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX users_to_index ON users (id) WHERE NOT search_indexed;
CREATE FUNCTION words_outdated() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_indexed := false;
    RETURN NEW;
END $$;
CREATE TRIGGER users_words_outdated BEFORE UPDATE ON users FOR EACH ROW
WHEN (OLD.name IS DISTINCT FROM NEW.name OR OLD.email IS DISTINCT FROM NEW.email)
EXECUTE FUNCTION words_outdated();

-- Whether a user is indexed does not affect their rights, and begins no epoch.
DROP TRIGGER users_update ON users;
CREATE CONSTRAINT TRIGGER users_update AFTER UPDATE ON users
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (to_jsonb(OLD) - 'search_indexed' IS DISTINCT FROM to_jsonb(NEW) - 'search_indexed')
EXECUTE FUNCTION change_of_user();
ALTER TABLE users
    ENABLE ALWAYS TRIGGER users_update,
    ENABLE ALWAYS TRIGGER users_words_outdated;

-- A list by role and state reads one or two of these indexes, in order, and nothing else.
CREATE INDEX users_active_admins ON users (id) WHERE role = 'admin' AND deactivated_at IS NULL;
CREATE INDEX users_deactivated_admins ON users (id) WHERE role = 'admin' AND deactivated_at IS NOT NULL;
CREATE INDEX users_active_users ON users (id) WHERE role = 'user' AND deactivated_at IS NULL;
CREATE INDEX users_deactivated_users ON users (id) WHERE role = 'user' AND deactivated_at IS NOT NULL;

-- A token that is not revoked is active or expired by the clock, which no index knows: lists of either state
-- are ordered by the expiry, where the present moment divides the two.
CREATE INDEX api_tokens_revoked ON api_tokens (id) WHERE revoked_at IS NOT NULL;
CREATE INDEX api_tokens_revoked_by_user ON api_tokens (user_id, id) WHERE revoked_at IS NOT NULL;
CREATE INDEX api_tokens_without_expiry ON api_tokens (id) WHERE revoked_at IS NULL AND expires_at IS NULL;
CREATE INDEX api_tokens_without_expiry_by_user ON api_tokens (user_id, id) WHERE revoked_at IS NULL AND expires_at IS NULL;
CREATE INDEX api_tokens_with_expiry ON api_tokens (expires_at, id) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX api_tokens_with_expiry_by_user ON api_tokens (user_id, expires_at, id) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

CREATE INDEX jobs_given_up ON jobs (id) WHERE given_up_at IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (id) WHERE given_up_at IS NULL;
CREATE INDEX verifications_by_job ON verifications (job_id);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000016_search', '0.3.0');
