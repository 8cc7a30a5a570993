CREATE TABLE projects (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX projects_by_user ON projects (user_id, id);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-23-000005_projects', '0.1.0');
