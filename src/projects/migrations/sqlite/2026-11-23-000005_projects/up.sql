CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX projects_by_user ON projects (user_id, id);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-23-000005_projects', '0.1.0');
