DROP TABLE jobs;
DELETE FROM schema_compatibility WHERE migration = '2026-11-24-000008_jobs';
