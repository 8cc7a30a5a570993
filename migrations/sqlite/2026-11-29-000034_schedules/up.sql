-- When each periodic job of a product is due next, for all instances together.
CREATE TABLE schedules (
    name TEXT NOT NULL PRIMARY KEY,
    due_at INTEGER NOT NULL
) STRICT;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000034_schedules', '0.1.0');
