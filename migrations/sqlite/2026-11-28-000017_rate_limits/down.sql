DROP TABLE used_links;
CREATE TABLE familiar_networks (
    key BLOB NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX familiar_networks_by_time ON familiar_networks (seen_at);
DROP TABLE known_networks;
CREATE TABLE guesses (
    key BLOB NOT NULL PRIMARY KEY,
    wrong INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;
CREATE INDEX guesses_by_time ON guesses (last_at);
INSERT INTO guesses (key, wrong, last_at) SELECT account, failed, last_at FROM login_attempts WHERE network = x'';
DROP TABLE login_attempts;
DROP TABLE rate_limits;
DELETE FROM schema_compatibility WHERE migration = '2026-11-28-000017_rate_limits';
