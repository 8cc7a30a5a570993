DROP TABLE passkey_ceremonies;
DROP TABLE passkeys;
DROP TABLE passkey_handles;
DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000031_passkeys';
