DROP TABLE signing_keys;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000018_signing_keys';
