-- Retention finds the rows to delete by an index, a few at a time, however many there are.
CREATE INDEX jobs_by_end ON jobs (given_up_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX api_tokens_by_revocation ON api_tokens (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX setup_links_by_expiry ON setup_links (expires_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-28-000015_retention', '0.3.0');
