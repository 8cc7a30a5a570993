DROP TABLE projects;
DELETE FROM schema_compatibility WHERE migration = '2026-11-23-000005_projects';
