-- Which part of a product a migration belongs to: each has versions of its own.
ALTER TABLE schema_compatibility ADD COLUMN component TEXT NOT NULL DEFAULT 'portcullis';

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000033_components', '0.1.0');
