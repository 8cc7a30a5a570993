DROP INDEX verifications_by_job;
DROP INDEX jobs_waiting;
DROP INDEX jobs_given_up;
DROP INDEX api_tokens_with_expiry_by_user;
DROP INDEX api_tokens_with_expiry;
DROP INDEX api_tokens_without_expiry_by_user;
DROP INDEX api_tokens_without_expiry;
DROP INDEX api_tokens_revoked_by_user;
DROP INDEX api_tokens_revoked;
DROP INDEX users_deactivated_users;
DROP INDEX users_active_users;
DROP INDEX users_deactivated_admins;
DROP INDEX users_active_admins;
DROP TRIGGER users_update ON users;
DROP TRIGGER users_words_outdated ON users;
DROP FUNCTION words_outdated();
DROP INDEX users_to_index;
ALTER TABLE users DROP COLUMN search_indexed;
CREATE CONSTRAINT TRIGGER users_update AFTER UPDATE ON users
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION change_of_user();
ALTER TABLE users ENABLE ALWAYS TRIGGER users_update;
DROP TABLE user_words;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000016_search';
