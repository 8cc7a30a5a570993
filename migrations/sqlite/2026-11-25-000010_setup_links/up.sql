-- Links by which a new site gets its first admin: each start of a server prints one, any instance takes it.
CREATE TABLE setup_links (
    secret_hash BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-25-000010_setup_links', '0.2.0');
