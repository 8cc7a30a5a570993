//! Adds many rows, with SQL that both databases accept but for a few words.

use std::ops::Range;

use crate::support::{Backend, EXAMPLE_SEED};

/// Returns the id of the user, session, token, event or job with this number.
pub fn id(number: usize) -> String {
    format!("01900000-0000-7000-8000-{}", 100_000_000_000_usize + number)
}

/// Returns the statements that add the rows with these numbers, to be run without triggers.
pub fn statements(backend: Backend, numbers: Range<usize>) -> Vec<String> {
    let (bytes, day, now) = match backend {
        Backend::Sqlite => ("CAST(TEXT AS BLOB)", "86400000000", "(unixepoch() * 1000000)"),
        Backend::Postgres => ("CAST(TEXT AS BYTEA)", "INTERVAL '1 day'", "now()"),
    };
    let statements = STATEMENTS.iter().chain(&EXAMPLE_SEED).map(|statement| {
        let (into, select) = statement.split_once(" SELECT ").unwrap();
        let hash = |kind: &str| bytes.replace("TEXT", &format!("'{kind}' || i"));
        let select = select
            .replace("HASH_OF_SESSION", &hash("s"))
            .replace("HASH_OF_TOKEN", &hash("t"))
            .replace("HASH_OF_LINK", &hash("l"))
            .replace("HASH_OF_EMAIL", &hash("e"))
            .replace("IDS", "'01900000-0000-7000-8000-' || CAST(100000000000 + i AS TEXT)")
            .replace("DAY", day)
            .replace("NOW", now);
        let (from, to) = (numbers.start, numbers.end - 1);
        format!(
            "INSERT INTO {into} WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) SELECT {select}"
        )
    });
    // Users whom requests have added at the previous size are not admins at the next.
    let demotion = format!("UPDATE users SET role = 'user' WHERE id > '{}'", id(NOBODY));
    std::iter::once(demotion).chain(statements).collect()
}

/// A number that no row has: rows that requests add have higher ids.
const NOBODY: usize = 899_999_999_999;

/// A tenth of all first names is Li and a tenth Wei, and the same holds for last names. There are 24 admins and
/// 100 deactivated users at every size. One event in a hundred has another action and network than the others. One token in three is revoked, and one is expired or will be.
const STATEMENTS: [&str; 29] = [
    "users (id, name, email, email_verified, role, deactivated_at, created_at, updated_at, search_indexed) SELECT IDS, CASE i % 10 WHEN 0 THEN 'Li' WHEN 1 THEN 'Wei' ELSE 'Ada' END || ' ' || CASE (i / 10) % 10 WHEN 0 THEN 'Wei' WHEN 1 THEN 'Li' ELSE 'Hopper' END || ' ' || i, 'user' || i || '@example.com', TRUE, CASE WHEN i % 100 = 0 AND i < 2400 THEN 'admin' ELSE 'user' END, CASE WHEN i % 97 = 1 AND i < 9700 THEN NOW END, NOW - DAY, NOW - DAY, TRUE FROM n",
    "user_words (word, user_id) SELECT CASE i % 10 WHEN 0 THEN 'li' WHEN 1 THEN 'wei' ELSE 'ada' END, IDS FROM n",
    "user_words (word, user_id) SELECT CASE (i / 10) % 10 WHEN 0 THEN 'wei' WHEN 1 THEN 'li' ELSE 'hopper' END, IDS FROM n WHERE i % 10 > 1 OR (i / 10) % 10 > 1",
    "user_words (word, user_id) SELECT CAST(i AS TEXT), IDS FROM n",
    "user_words (word, user_id) SELECT 'user' || i, IDS FROM n",
    "user_words (word, user_id) SELECT '@user' || i || '@example.com', IDS FROM n",
    "user_words (word, user_id) SELECT 'example', IDS FROM n",
    "accounts (id, user_id, provider_id, account_id, password_hash, created_at, updated_at) SELECT IDS, IDS, 'credential', IDS, 'x', NOW, NOW FROM n",
    "sessions (id, user_id, secret_hash, expires_at, authenticated_at, last_seen_at, remember, created_at, updated_at) SELECT IDS, IDS, HASH_OF_SESSION, NOW + DAY, NOW, NOW, TRUE, NOW, NOW FROM n",
    "api_tokens (id, user_id, token_hash, display_prefix, name, scopes, expires_at, revoked_at, created_at) SELECT IDS, IDS, HASH_OF_TOKEN, 'x', 'x', 'read', CASE i % 3 WHEN 1 THEN NOW + DAY * (i % 20 - 10) END, CASE i % 3 WHEN 2 THEN NOW END, NOW FROM n",
    "activity (id, actor_id, action, subject_id, detail, created_at, network) SELECT IDS, IDS, CASE i % 100 WHEN 0 THEN 'user-deactivated' ELSE 'user-updated' END, IDS, '{}', NOW, CASE i % 100 WHEN 0 THEN '192.0.2.1' ELSE '192.0.2.2' END FROM n",
    "jobs (id, kind, payload, user_id, attempts, run_at, given_up_at, created_at) SELECT IDS, 'of-tomorrow', '{}', IDS, 0, NOW + DAY * 300, CASE i % 2 WHEN 0 THEN NOW END, NOW FROM n WHERE i % 10 < 2",
    "verifications (id, user_id, purpose, secret_hash, email, job_id, expires_at, created_at) SELECT IDS, IDS, 'verify-email', HASH_OF_LINK, 'x', IDS, NOW + DAY * 300, NOW FROM n WHERE i % 10 < 2",
    "login_attempts (account, network, failed, last_at) SELECT HASH_OF_EMAIL, HASH_OF_LINK, 1, NOW FROM n WHERE i % 10 < 2",
    "known_networks (account, network, seen_at) SELECT HASH_OF_EMAIL, HASH_OF_LINK, NOW FROM n WHERE i % 10 < 2",
    "setup_links (secret_hash, expires_at) SELECT HASH_OF_LINK, NOW FROM n WHERE i < 5",
    "two_factor (user_id, secret, key_fingerprint, last_step, recovery_salt, created_at) SELECT IDS, HASH_OF_TOKEN, HASH_OF_TOKEN, 0, '', NOW FROM n",
    "recovery_codes (user_id, code_hash) SELECT IDS, HASH_OF_TOKEN FROM n",
    "trusted_devices (id, user_id, secret_hash, generation, created_at, last_used_at, expires_at) SELECT IDS, IDS, HASH_OF_SESSION, 0, NOW, NOW, NOW + DAY FROM n",
    "sign_in_challenges (secret_hash, user_id, methods, remember, attempts, generation, expires_at) SELECT HASH_OF_SESSION, IDS, 'password', TRUE, 0, 0, NOW + DAY FROM n",
    "suspensions (user_id, email) SELECT IDS, 'user' || i || '@example.com' FROM n WHERE i % 10 < 2",
    "suspension_links (secret_hash, user_id, email, expires_at) SELECT HASH_OF_LINK, IDS, 'user' || i || '@example.com', NOW + DAY FROM n",
    "known_clients (user_id, program, network, last_used_at) SELECT IDS, 'Chrome on Linux', '203.0.113.7', NOW FROM n",
    "passkey_handles (user_id, handle) SELECT IDS, HASH_OF_TOKEN FROM n",
    "passkeys (id, user_id, name, credential_id, public_key, counter, transports, backup_eligible, backed_up, aaguid, created_at) SELECT IDS, IDS, 'x', HASH_OF_SESSION, HASH_OF_TOKEN, 0, '', TRUE, TRUE, 'x', NOW FROM n",
    "passkey_ceremonies (secret_hash, purpose, user_id, state, expires_at) SELECT HASH_OF_SESSION, 'registration', IDS, HASH_OF_TOKEN, NOW + DAY FROM n",
    "provider_flows (state_hash, provider_id, user_id, expires_at) SELECT HASH_OF_SESSION, 'company', IDS, NOW + DAY FROM n",
    "used_id_tokens (token_hash, expires_at) SELECT HASH_OF_SESSION, NOW + DAY FROM n",
    "sign_up_links (secret_hash, email, name, job_id, expires_at) SELECT HASH_OF_LINK, 'new' || i || '@example.com', 'Ada', IDS, NOW + DAY FROM n",
];
