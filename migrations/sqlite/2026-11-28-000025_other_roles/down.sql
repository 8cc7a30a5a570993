DROP INDEX users_active_others;
DROP INDEX users_deactivated_others;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000025_other_roles';
