CREATE TABLE bells (
    name TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX bells_by_user ON bells (user_id);

INSERT INTO schema_compatibility (component, migration, oldest_binary)
VALUES ('belfry', '2026-12-01-120000_bells', '1.2.0');
