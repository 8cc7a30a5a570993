-- The code writes addresses in lower case; that no other hand puts a second case of one beside it, the
-- table sees to itself. Look-ups go on by the index of `email`.
CREATE UNIQUE INDEX users_by_any_case ON users (lower(email));

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-25-000012_one_case', '0.2.0');
