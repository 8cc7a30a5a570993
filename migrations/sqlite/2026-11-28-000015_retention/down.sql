DROP INDEX setup_links_by_expiry;
DROP INDEX api_tokens_by_expiry;
DROP INDEX api_tokens_by_revocation;
DROP INDEX jobs_by_end;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000015_retention';
