DROP TABLE api_tokens;
DELETE FROM schema_compatibility WHERE migration = '2026-11-23-000004_tokens';
