DROP INDEX projects_user_id_short_name_key;
ALTER TABLE projects DROP COLUMN due_date;
ALTER TABLE projects DROP COLUMN estimated_hours;
ALTER TABLE projects DROP COLUMN status;
ALTER TABLE projects DROP COLUMN short_name;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000019_project_fields';
