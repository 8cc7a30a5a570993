DROP TABLE setup_links;
DELETE FROM schema_compatibility WHERE migration = '2026-11-25-000010_setup_links';
