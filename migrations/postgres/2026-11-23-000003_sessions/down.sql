DROP TABLE sessions;
DELETE FROM schema_compatibility WHERE migration = '2026-11-23-000003_sessions';
