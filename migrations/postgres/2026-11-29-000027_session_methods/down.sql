DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000027_session_methods';
ALTER TABLE sessions DROP COLUMN methods;
