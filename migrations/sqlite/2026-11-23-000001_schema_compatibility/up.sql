-- Every migration adds a row: the oldest version that may still run once it is applied. A binary older than any
-- row refuses to start; a newer one is not affected.
CREATE TABLE schema_compatibility (
    migration TEXT NOT NULL PRIMARY KEY,
    oldest_binary TEXT NOT NULL
) STRICT;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-23-000001_schema_compatibility', '0.1.0');
