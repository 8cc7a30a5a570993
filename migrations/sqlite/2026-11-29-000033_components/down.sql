DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000033_components';
ALTER TABLE schema_compatibility DROP COLUMN component;
