DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000034_schedules';
DROP TABLE schedules;
