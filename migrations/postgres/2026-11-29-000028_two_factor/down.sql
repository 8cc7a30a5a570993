DROP TABLE trusted_devices;
DROP TABLE recovery_codes;
DROP TABLE two_factor;
ALTER TABLE users DROP COLUMN two_factor_enabled;
DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000028_two_factor';
