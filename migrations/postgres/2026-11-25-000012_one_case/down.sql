DROP INDEX users_by_any_case;
DELETE FROM schema_compatibility WHERE migration = '2026-11-25-000012_one_case';
