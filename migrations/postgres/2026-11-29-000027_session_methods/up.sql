-- How the user has authenticated in each session: names separated by spaces. Until now a password was the only way.
ALTER TABLE sessions ADD COLUMN methods TEXT NOT NULL DEFAULT 'password';

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000027_session_methods', '0.3.0');
