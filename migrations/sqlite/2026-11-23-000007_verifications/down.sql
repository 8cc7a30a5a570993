DROP TABLE verifications;
DELETE FROM schema_compatibility WHERE migration = '2026-11-23-000007_verifications';
