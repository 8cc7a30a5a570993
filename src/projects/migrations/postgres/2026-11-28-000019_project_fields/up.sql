-- Examples of fields that products need: a name that is unique for each owner, an enum, a bounded number and a
-- date. Clients that do not know them may leave them out. A constraint that a client can violate has a name, by
-- which `CONSTRAINTS` in src/projects/store.rs gives its meaning.
ALTER TABLE projects
    ADD COLUMN short_name TEXT COLLATE "C",
    -- Without a CHECK: a newer version may add values, while this one is still running.
    ADD COLUMN status TEXT COLLATE "C" NOT NULL DEFAULT 'planned',
    ADD COLUMN estimated_hours INTEGER
        CONSTRAINT projects_estimated_hours_check CHECK (estimated_hours BETWEEN 1 AND 10000),
    ADD COLUMN due_date DATE;
CREATE UNIQUE INDEX projects_user_id_short_name_key ON projects (user_id, short_name)
    WHERE short_name IS NOT NULL;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000019_project_fields', '0.3.0');
