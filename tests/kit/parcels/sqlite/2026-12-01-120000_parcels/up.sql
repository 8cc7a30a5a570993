CREATE TABLE parcels (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    recipient_name TEXT NOT NULL,
    note TEXT,
    size TEXT NOT NULL,
    former_size TEXT,
    first_size TEXT NOT NULL,
    fragile INTEGER NOT NULL,
    pieces INTEGER NOT NULL,
    grams INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    height REAL NOT NULL,
    sent_on TEXT NOT NULL CHECK (sent_on IS date(sent_on)),
    seen_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX parcels_by_user ON parcels (user_id, id);

CREATE TABLE labels (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    copies INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX labels_by_user ON labels (user_id, id);

INSERT INTO schema_compatibility (component, migration, oldest_binary)
VALUES ('parcels', '2026-12-01-120000_parcels', '1.0.0');
