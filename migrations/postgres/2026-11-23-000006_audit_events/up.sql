-- No foreign keys: an event outlives the users that it names.
CREATE TABLE audit_events (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    actor_id TEXT COLLATE "C",
    action TEXT NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    detail TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, id);
CREATE INDEX audit_events_by_age ON audit_events (created_at);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-23-000006_audit_events', '0.1.0');
