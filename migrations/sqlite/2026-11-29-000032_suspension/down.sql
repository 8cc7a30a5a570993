DROP TABLE known_clients;
DROP TABLE suspension_links;
DROP TABLE suspensions;
DROP TRIGGER users_suspended;
ALTER TABLE users DROP COLUMN suspended_at;
DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000032_suspension';
