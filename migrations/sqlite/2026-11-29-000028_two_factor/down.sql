DROP TABLE sign_in_challenges;
DROP TABLE trusted_devices;
DROP TABLE recovery_codes;
DROP TABLE two_factor;
DROP TRIGGER sessions_second_factor;
ALTER TABLE sessions DROP COLUMN second_factor_at;
DROP TRIGGER users_two_factor;
ALTER TABLE users DROP COLUMN two_factor_enabled;
DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000028_two_factor';
