-- The queue of work to be done after a commit. A row is one job, deleted when the work is done. `run_at` is
-- when it is next due: a worker that claims a job moves it on (a lease), so that a crash gives the job back.
CREATE TABLE jobs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    user_id TEXT COLLATE "C" REFERENCES users (id) ON DELETE CASCADE,
    attempts INTEGER NOT NULL,
    run_at TIMESTAMPTZ NOT NULL,
    last_error TEXT,
    given_up_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE given_up_at IS NULL;
CREATE INDEX jobs_by_user ON jobs (user_id);

INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('2026-11-24-000008_jobs', '0.1.0');
