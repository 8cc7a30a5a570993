-- One log of everything that changes access or shows a sign-in. The audit events become its first rows. Their ids
-- stay as they are: like those of new events they are of UUID version 7, and begin with the time to the millisecond.
ALTER TABLE audit_events RENAME TO activity;
-- Where the request came from; NULL for the operator, for earlier events, and if the log keeps no clients.
ALTER TABLE activity ADD COLUMN network TEXT;
ALTER TABLE activity ADD COLUMN device TEXT;

UPDATE activity SET subject_id = 'all-users' WHERE subject_id = 'everybody';
UPDATE activity SET action = 'first-admin-created'
WHERE action = 'user-created' AND actor_id = subject_id;

-- Ids are in the order of time, so each filter, alone or together with a period, is a range of one index.
DROP INDEX audit_events_by_subject;
DROP INDEX audit_events_by_age;
CREATE INDEX activity_by_actor ON activity (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX activity_by_subject ON activity (subject_id, id);
CREATE INDEX activity_by_action ON activity (action, id);
CREATE INDEX activity_by_network ON activity (network, id) WHERE network IS NOT NULL;
CREATE INDEX activity_by_age ON activity (created_at);

-- Append-only, also for a statement that is typed by hand; only retention deletes.
CREATE TRIGGER activity_is_append_only BEFORE UPDATE ON activity
BEGIN
    SELECT RAISE(ABORT, 'activity is append-only');
END;

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000026_activity', '0.3.0');
