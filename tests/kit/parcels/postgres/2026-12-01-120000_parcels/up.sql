CREATE TABLE parcels (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    recipient_name TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C",
    size TEXT COLLATE "C" NOT NULL,
    former_size TEXT COLLATE "C",
    first_size TEXT COLLATE "C" NOT NULL,
    fragile BOOLEAN NOT NULL,
    pieces INTEGER NOT NULL,
    grams BIGINT NOT NULL,
    floor SMALLINT NOT NULL,
    height DOUBLE PRECISION NOT NULL,
    sent_on DATE NOT NULL,
    seen_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX parcels_by_user ON parcels (user_id, id);

CREATE TABLE labels (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text TEXT COLLATE "C" NOT NULL,
    copies INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX labels_by_user ON labels (user_id, id);

INSERT INTO schema_compatibility (component, migration, oldest_binary)
VALUES ('parcels', '2026-12-01-120000_parcels', '1.0.0');
