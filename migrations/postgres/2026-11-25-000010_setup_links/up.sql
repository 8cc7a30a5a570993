-- Setup links, with which the first admin of a new site is created: each start of a server prints one, and any
-- instance accepts it.
CREATE TABLE setup_links (
    secret_hash BYTEA NOT NULL PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-25-000010_setup_links', '0.2.0');
