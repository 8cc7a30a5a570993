DROP TABLE locks;
DROP TABLE accounts;
DROP TABLE users;
DELETE FROM schema_compatibility WHERE migration = '2026-11-23-000002_users';
