CREATE TABLE folders (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL
);
CREATE INDEX folders_by_user ON folders (user_id, id);

CREATE TABLE notes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    folder_id TEXT COLLATE "C" NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL
);
CREATE INDEX notes_by_user ON notes (user_id, id);
CREATE INDEX notes_by_folder ON notes (folder_id);

INSERT INTO schema_compatibility (component, migration, oldest_binary)
VALUES ('notebook', '2026-12-01-120000_notes', '1.0.0');
