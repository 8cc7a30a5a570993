DROP TABLE used_id_tokens;
DROP TABLE provider_flows;
DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000029_providers';
