-- One log of everything that changes access or shows a sign-in. The audit events become its first rows. Their ids
-- stay as they are: like those of new events they are of UUID version 7, and begin with the time to the millisecond.
ALTER TABLE audit_events RENAME TO activity;
ALTER TABLE activity RENAME CONSTRAINT audit_events_pkey TO activity_pkey;
-- Where the request came from; NULL for the operator, for earlier events, and if the log keeps no clients.
ALTER TABLE activity ADD COLUMN network TEXT COLLATE "C";
ALTER TABLE activity ADD COLUMN device TEXT;

UPDATE activity SET subject_id = 'all-users' WHERE subject_id = 'everybody';
UPDATE activity SET action = 'first-admin-created'
WHERE action = 'user-created' AND actor_id = subject_id;

-- Ids are in the order of time, so each filter, alone or together with a period, is a range of one index.
ALTER INDEX audit_events_by_subject RENAME TO activity_by_subject;
ALTER INDEX audit_events_by_age RENAME TO activity_by_age;
CREATE INDEX activity_by_actor ON activity (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX activity_by_action ON activity (action, id);
CREATE INDEX activity_by_network ON activity (network, id) WHERE network IS NOT NULL;

-- Append-only, also for a statement that is typed by hand; only retention deletes.
CREATE FUNCTION reject_activity_update() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION 'activity is append-only';
END $$;
CREATE TRIGGER activity_is_append_only BEFORE UPDATE ON activity
FOR EACH ROW EXECUTE FUNCTION reject_activity_update();

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-29-000026_activity', '0.3.0');
