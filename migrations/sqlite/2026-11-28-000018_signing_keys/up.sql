-- The signing keys of the running instances, as hashes from which no key can be computed: what one instance
-- signs, all others must accept. Each instance writes its rows every few seconds; older rows are of instances
-- that have stopped. An instance whose keys do not fit is not accepted, and not ready. On SQLite there is one
-- instance, and no row.
CREATE TABLE signing_keys (
    instance_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    signs INTEGER NOT NULL,
    accepted_at INTEGER,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (instance_id, fingerprint)
) STRICT;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000018_signing_keys', '0.3.0');
