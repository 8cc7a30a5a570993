DROP TABLE sign_up_links;
DELETE FROM schema_compatibility WHERE migration = '2026-11-29-000030_sign_up_links';
