-- Examples of fields that products need: a name that is unique for each owner, an enum, a bounded number and a
-- date. Clients that do not know them may leave them out. A constraint that a client can violate has a name, by
-- which `CONSTRAINTS` in src/projects/store.rs gives its meaning.
ALTER TABLE projects ADD COLUMN short_name TEXT;
-- Without a CHECK: a newer version may add values, while this one is still running.
ALTER TABLE projects ADD COLUMN status TEXT NOT NULL DEFAULT 'planned';
ALTER TABLE projects ADD COLUMN estimated_hours INTEGER
    CONSTRAINT projects_estimated_hours_check CHECK (estimated_hours BETWEEN 1 AND 10000);
-- SQLite has no type for dates: this is text, such as 2026-11-28.
ALTER TABLE projects ADD COLUMN due_date TEXT
    CONSTRAINT projects_due_date_check CHECK (due_date IS date(due_date));
CREATE UNIQUE INDEX projects_user_id_short_name_key ON projects (user_id, short_name)
    WHERE short_name IS NOT NULL;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000019_project_fields', '0.3.0');
