-- Users with a role that this version does not know, because a newer one has set it: a list by state shows them
-- too.
CREATE INDEX users_active_others ON users (id) WHERE coalesce(role, '') NOT IN ('admin', 'user') AND deactivated_at IS NULL;
CREATE INDEX users_deactivated_others ON users (id) WHERE coalesce(role, '') NOT IN ('admin', 'user') AND deactivated_at IS NOT NULL;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000025_other_roles', '0.3.0');
