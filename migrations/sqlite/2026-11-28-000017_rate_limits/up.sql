-- Rate limits that all instances share. A key is the hash of what is limited and for whom. The leaky bucket
-- empties over time; `counted_at` reveals that the clock was set back since.
CREATE TABLE rate_limits (
    key BLOB NOT NULL PRIMARY KEY,
    counted_at INTEGER NOT NULL,
    empty_at INTEGER NOT NULL
) STRICT;
CREATE INDEX rate_limits_by_end ON rate_limits (empty_at);

-- Failed sign-ins by account (a hash of its email) and network (a hash; empty for all unknown networks), so
-- that those of one account can be deleted together. `running` attempts have no result yet. Of `guesses`, the
-- counts of accounts are kept; the row of a network is never matched, and expires.
CREATE TABLE login_attempts (
    account BLOB NOT NULL,
    network BLOB NOT NULL,
    failed INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    running INTEGER NOT NULL DEFAULT 0,
    begun_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, network)
) STRICT;
CREATE INDEX login_attempts_by_time ON login_attempts (last_at);
INSERT INTO login_attempts (account, network, failed, last_at) SELECT key, x'', wrong, last_at FROM guesses;
DROP TABLE guesses;

-- Known networks have to be learned again: the old key is a hash that hides which account it belongs to.
CREATE TABLE known_networks (
    account BLOB NOT NULL,
    network BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (account, network)
) STRICT;
CREATE INDEX known_networks_by_time ON known_networks (seen_at);
DROP TABLE familiar_networks;

-- Links that have verified an email, until they would have expired: followed again, after a mail scanner for
-- instance, they report success instead of failing. They grant nothing.
CREATE TABLE used_links (
    secret_hash BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX used_links_by_user ON used_links (user_id);
CREATE INDEX used_links_by_expiry ON used_links (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000017_rate_limits', '0.3.0');
