-- The login throttle: failed sign-ins in a row, and the known networks, from which a sign-in has succeeded. The
-- keys are hashes of an email or, for a known network, of the email with the network. Emails without an account
-- are counted as well, so that the throttle does not reveal which exist.
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
