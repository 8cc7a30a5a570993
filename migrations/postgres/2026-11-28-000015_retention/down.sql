-- An older version would treat these rows as users.
DELETE FROM users WHERE deleted_at IS NOT NULL;
DROP INDEX users_deleted;
ALTER TABLE users DROP COLUMN deleted_at;
ALTER TABLE verifications DROP COLUMN number;
DROP INDEX jobs_leased;
ALTER TABLE jobs DROP COLUMN fence;
ALTER TABLE jobs DROP COLUMN leased;
DROP TABLE retention_clock;
DROP INDEX setup_links_by_expiry;
DROP INDEX api_tokens_by_expiry;
DROP INDEX api_tokens_by_revocation;
DROP INDEX jobs_by_end;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000015_retention';
