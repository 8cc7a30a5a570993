-- Wrong passwords in a row, and the networks from which the right one came. The keys are hashes of an
-- address, for a familiar network together with it: who has no account is counted like anybody.
CREATE TABLE guesses (
    key BLOB NOT NULL PRIMARY KEY,
    wrong INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;
CREATE INDEX guesses_by_time ON guesses (last_at);
CREATE TABLE familiar_networks (
    key BLOB NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX familiar_networks_by_time ON familiar_networks (seen_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-25-000011_guesses', '0.2.0');
