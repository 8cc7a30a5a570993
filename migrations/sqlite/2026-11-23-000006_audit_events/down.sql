DROP TABLE audit_events;
DELETE FROM schema_compatibility WHERE migration = '2026-11-23-000006_audit_events';
