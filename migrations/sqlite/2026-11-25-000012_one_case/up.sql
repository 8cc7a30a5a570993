-- The code writes emails in lower case; this index ensures that no other writer adds the same email in another
-- case. Lookups still use the index on `email`.
CREATE UNIQUE INDEX users_by_any_case ON users (lower(email));

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-25-000012_one_case', '0.2.0');
