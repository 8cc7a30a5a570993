//! The job queue: each job is done, by one instance at a time, whatever happens to the other instances.

use std::{net::TcpStream, time::Duration};

use portcullis::{
    jobs::{Job, Mail, MailKind},
    secrets::SigningKey,
    store::jobs::{self as queue, Claim, JobRow, NewJob, Outcome},
    time::{Timestamp, days, seconds},
};
use tempfile::TempDir;

use crate::{
    resilience::mail::{
        LEASE, advance, job_for, jobs, request_mail, start_with_mail, wait_for_all_jobs,
        wait_for_failures, wait_until,
    },
    support::*,
};

/// How many jobs an instance does concurrently.
const AT_ONCE: usize = 4;
/// A kind that no binary handles: only the test claims such jobs.
const FOREIGN: &[&str] = &["foreign"];

/// Adds a job of a kind that no binary handles.
async fn add_foreign(server: &Server, due: Timestamp) -> String {
    let job = NewJob::new(FOREIGN[0], "{}".to_owned(), None, due).due_at(due);
    let id = job.id().to_owned();
    queue::add(&server.state.store, job).await.unwrap();
    id
}

async fn claim(server: &Server, kinds: &'static [&'static str], now: Timestamp) -> Option<JobRow> {
    loop {
        match queue::claim(&server.state.store, kinds.to_vec(), LEASE, now).await.unwrap() {
            Claim::Taken(job) => return Some(job),
            Claim::NothingDue => return None,
            // The server's own worker has the row locked, for the duration of a statement.
            Claim::Contended => tokio::task::yield_now().await,
        }
    }
}

/// Waits until this many jobs are running.
async fn wait_for_running(server: &Server, count: usize) {
    wait_until(&format!("{count} jobs are running"), async || {
        jobs(server).await.iter().filter(|job| job.attempts > 0).count() == count
    })
    .await;
}

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:02}@example.com")).collect()
}

/// Returns the recipients of the mail, sorted.
fn written_to(mail: &MailServer) -> Vec<String> {
    let mut all: Vec<_> = mail.accepted().into_iter().map(|mail| mail.to).collect();
    all.sort();
    all
}

#[apply(on_both_databases)]
async fn unknown_job_kind_waits_untouched_and_blocks_no_other(backend: Backend) {
    let server = backend.start().await;
    let id = add_foreign(&server, server.now()).await;
    advance(&server, days(2));
    for email in addresses(AT_ONCE + 1) {
        request_mail(&server, &email).await;
    }
    assert_eq!(server.outbox().await.len(), AT_ONCE + 1);
    let left = jobs(&server).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((&left[0].id, left[0].attempts, &left[0].last_error), (&id, 0, &None));
    assert_eq!(left[0].given_up_at, None);
}

#[apply(on_both_databases)]
async fn unknown_mail_kind_waits_for_a_newer_version(backend: Backend) {
    let server = backend.start().await;
    let payload = json!({ "about": "something new", "email": "ada@example.com" });
    let job = NewJob::new("mail", payload.to_string(), None, server.now());
    queue::add(&server.state.store, job).await.unwrap();
    // More attempts than an ordinary failure is allowed.
    let many = "UPDATE jobs SET attempts = 100";
    execute(&server, many).await;
    server.state.job_added.notify_one();
    server.wait_for_jobs().await;
    let job = job_for(&server, "ada@example.com").await.unwrap();
    assert_eq!(job.last_error.as_deref(), Some("a newer version must do this"));
    assert_eq!((job.given_up_at, job.run_at), (None, server.now() + LEASE));

    // The newer mail arrives.
    let known = r#"{"about":"password-changed","email":"ada@example.com"}"#;
    let sql = format!("UPDATE jobs SET payload = '{known}', attempts = 0");
    execute(&server, &sql).await;
    advance(&server, LEASE);
    wait_for_all_jobs(&server).await;
    assert_eq!(server.mail_to("ada@example.com").await.len(), 1);
}

#[apply(on_both_databases)]
async fn jobs_are_claimed_in_the_order_of_their_due_time(backend: Backend) {
    let server = backend.start().await;
    let now = server.now();
    let mut ids = Vec::new();
    for due in [now + seconds(2), now, now + seconds(3), now + seconds(1), now + days(1)] {
        ids.push(add_foreign(&server, due).await);
    }
    assert!(claim(&server, FOREIGN, now - seconds(1)).await.is_none(), "no job is due");
    let mut claimed = Vec::new();
    while let Some(job) = claim(&server, FOREIGN, now + seconds(3)).await {
        claimed.push(job.id);
    }
    assert_eq!(claimed, [1, 3, 0, 2].map(|number: usize| ids[number].clone()));
}

#[apply(on_both_databases)]
async fn requests_succeed_while_many_jobs_run_on_one_connection(backend: Backend) {
    // A worker that held the only connection would block every request.
    let server = backend.start_with(&["--database-pool-size", "1"]).await;
    let ada = server.sign_up("ada").await;
    let state = server.state.clone();
    let telling = tokio::spawn(async move {
        // At whatever point a job is, there is always another to look for.
        loop {
            state.job_added.notify_one();
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    });
    for email in addresses(99) {
        request_mail(&server, &email).await;
    }
    while !jobs(&server).await.is_empty() {
        ada.browser.get("/api/me").await.expect(200);
    }
    telling.abort();
}

#[apply(on_both_databases)]
async fn job_of_a_dead_worker_is_retried_after_its_lease_expires(backend: Backend) {
    let server = backend.start().await;
    // Its worker has started: a worker corrects a job that, by its clock, waits for too long.
    request_mail(&server, "first@example.com").await;
    wait_for_all_jobs(&server).await;
    // Not due for the server, whose worker would be faster.
    let later = server.now() + seconds(30 * 60);
    let job = Job::from(Mail::new(MailKind::PasswordChanged, "ada@example.com"));
    let job = job.row(None, later).due_at(later);
    queue::add(&server.state.store, job).await.unwrap();
    let claimed = claim(&server, &["mail"], later).await.unwrap();
    assert_eq!((claimed.attempts, claimed.run_at), (1, later + LEASE));

    server.clock.set(later + LEASE - seconds(1));
    request_mail(&server, "marker@example.com").await;
    wait_until("the marker is done", async || jobs(&server).await.len() == 1).await;
    let leased = job_for(&server, "ada@example.com").await.unwrap();
    assert_eq!(
        (leased.attempts, leased.run_at),
        (1, later + LEASE),
        "the lease is still the other worker's"
    );

    advance(&server, seconds(1));
    wait_for_all_jobs(&server).await;
    assert_eq!(server.mail_to("ada@example.com").await.len(), 1);
}

#[apply(on_both_databases)]
async fn outcome_of_a_worker_with_an_expired_lease_is_ignored(backend: Backend) {
    let server = backend.start().await;
    let (store, now) = (&server.state.store, server.now());
    let id = add_foreign(&server, now).await;
    let late = claim(&server, FOREIGN, now).await.unwrap();
    assert!(claim(&server, FOREIGN, now + LEASE - seconds(1)).await.is_none());
    let now = now + LEASE;
    let claimed = claim(&server, FOREIGN, now).await.unwrap();
    assert_eq!((&claimed.id, claimed.attempts), (&id, 2));

    let reason = || "too late".to_owned();
    for outcome in
        [Outcome::Done, Outcome::Again(now + days(1), reason()), Outcome::GivenUp(reason())]
    {
        queue::record_outcome(store, &late, outcome, now).await.unwrap();
        let left = jobs(&server).await.remove(0);
        assert_eq!((&left.id, left.attempts), (&id, 2));
        // The server may have shortened the delay, by the time of its start.
        assert!(left.run_at <= claimed.run_at, "{}", left.run_at);
        assert_eq!((left.last_error, left.given_up_at), (None, None));
    }
    queue::record_outcome(store, &claimed, Outcome::GivenUp(reason()), now).await.unwrap();
    assert!(claim(&server, FOREIGN, now + days(9)).await.is_none(), "the job is not retried");
    queue::record_outcome(store, &claimed, Outcome::Done, now).await.unwrap();
    assert!(jobs(&server).await.is_empty());
}

/// Even the end of the lease does not tell two workers apart, where the clock was set back in between.
#[apply(on_both_databases)]
async fn outcome_of_a_worker_with_an_older_fence_is_ignored(backend: Backend) {
    let server = backend.start().await;
    let (store, now) = (&server.state.store, server.now());
    add_foreign(&server, now).await;
    let late = claim(&server, FOREIGN, now).await.unwrap();
    let due = moment(backend, now);
    execute(&server, &format!("UPDATE jobs SET run_at = {due}")).await;
    let claimed = claim(&server, FOREIGN, now).await.unwrap();
    assert_eq!((claimed.run_at, claimed.fence), (late.run_at, late.fence + 1));
    queue::record_outcome(store, &late, Outcome::Done, now).await.unwrap();
    assert_eq!(jobs(&server).await.len(), 1, "the outcome of the first worker is ignored");
    queue::record_outcome(store, &claimed, Outcome::Done, now).await.unwrap();
    assert!(jobs(&server).await.is_empty());
}

/// Claims use the shared clock; `created_at`, and with it the first `run_at`, are by the clock of the instance
/// that adds the job.
#[apply(on_both_databases)]
async fn job_is_due_at_once_although_the_adding_clock_is_an_hour_off(backend: Backend) {
    let server = backend.start().await;
    let shared = server.now();
    for now in [shared + seconds(3600), shared - seconds(3600)] {
        let job = NewJob::new(FOREIGN[0], "{}".to_owned(), None, now);
        let id = job.id().to_owned();
        queue::add(&server.state.store, job).await.unwrap();
        let claimed = claim(&server, FOREIGN, shared).await.unwrap();
        assert_eq!((claimed.id, claimed.run_at), (id, shared + LEASE));
    }
}

#[apply(on_both_databases)]
async fn job_wait_left_by_a_clock_ahead_is_shortened(backend: Backend) {
    let server = backend.start().await;
    let (store, now) = (&server.state.store, server.now());
    add_foreign(&server, now).await;
    let ahead = now + days(365);
    // The server does the same at its start, and may have been faster.
    let shorten = async || {
        queue::shorten_waits(store, LEASE, seconds(3600), now).await.unwrap();
        let again = queue::shorten_waits(store, LEASE, seconds(3600), now).await.unwrap();
        assert_eq!(again, 0, "the delay is shortened once");
        jobs(&server).await.remove(0).run_at
    };
    let claimed = claim(&server, FOREIGN, ahead).await.unwrap();
    assert_eq!(shorten().await, now + LEASE);
    assert!(claim(&server, FOREIGN, now + LEASE - seconds(1)).await.is_none(), "the job is leased");
    queue::record_outcome(store, &claimed, Outcome::Again(ahead, String::new()), ahead)
        .await
        .unwrap();
    assert_eq!(shorten().await, now + seconds(3600));
    assert!(claim(&server, FOREIGN, now + seconds(3599)).await.is_none(), "the job was delayed");
    assert!(claim(&server, FOREIGN, now + seconds(3600)).await.is_some());
}

/// Otherwise a reminder of next month would be sent within the hour.
#[apply(on_both_databases)]
async fn job_with_a_time_of_its_own_waits_for_it(backend: Backend) {
    let server = backend.start().await;
    let (store, now) = (&server.state.store, server.now());
    let due = now + days(30);
    let job = NewJob::new(FOREIGN[0], "{}".to_owned(), None, now).due_at(due);
    queue::add(store, job).await.unwrap();
    let shorten = async || {
        queue::shorten_waits(store, LEASE, seconds(3600), now).await.unwrap();
        jobs(&server).await.remove(0).run_at
    };
    assert_eq!(shorten().await, due);
    assert!(claim(&server, FOREIGN, due - seconds(1)).await.is_none(), "the job is not due");
    let claimed = claim(&server, FOREIGN, due).await.unwrap();
    let again = Outcome::Again(due + seconds(60), String::new());
    queue::record_outcome(store, &claimed, again, due).await.unwrap();
    assert_eq!(shorten().await, now + seconds(3600), "a retry waits for no time of its own");
}

#[apply(on_both_databases)]
async fn server_start_shortens_job_waits_left_by_a_clock_ahead(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let mail = MailServer::start(Security::None);
    let server = later(&url, &mail).await;
    mail.set(SmtpBehavior::Answers("RCPT", "451 4.3.0 later"));
    server.clock.step(server.now() + days(365));
    request_mail(&server, "ada@example.com").await;
    wait_for_failures(&server, "ada@example.com", 1).await;
    server.stop().await;
    mail.set(SmtpBehavior::Takes);
    let server = later(&url, &mail).await;
    wait_until("the delay is shortened", async || {
        let job = job_for(&server, "ada@example.com").await;
        job.is_some_and(|job| job.run_at <= server.now() + seconds(3600))
    })
    .await;
    advance(&server, seconds(3600));
    wait_for_all_jobs(&server).await;
    assert_eq!(written_to(&mail), ["ada@example.com"]);
}

#[apply(on_both_databases)]
async fn job_that_never_completes_is_given_up_after_40_attempts(backend: Backend) {
    let server = backend.start().await;
    let later = server.now() + seconds(30 * 60);
    for (email, attempts) in [("last@example.com", 39), ("never@example.com", 40)] {
        let job = Job::from(Mail::new(MailKind::PasswordChanged, email));
        let job = job.row(None, later).due_at(later);
        let sql = format!("UPDATE jobs SET attempts = {attempts} WHERE id = '{}'", job.id());
        queue::add(&server.state.store, job).await.unwrap();
        execute(&server, &sql).await;
    }
    advance(&server, seconds(30 * 60));
    assert_eq!(server.mail_to("last@example.com").await.len(), 1);
    let job = wait_for_failures(&server, "never@example.com", 41).await;
    assert_eq!(job.last_error.as_deref(), Some("it never came to an end"));
    assert_eq!(job.given_up_at, Some(server.now()));
    assert!(server.mail_to("never@example.com").await.is_empty());
}

#[tokio::test]
async fn two_instances_share_jobs_and_run_each_once() {
    let folder = TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let mail = MailServer::start(Security::None);
    mail.set(SmtpBehavior::Silent);
    let instance = async |user: &str| {
        let smtp = mail.url_for(user);
        Server::on(&url, TempDir::new().unwrap(), &["--smtp-url", &smtp]).await
    };
    let (one, other) = (instance("one").await, instance("other").await);
    other.clock.set(one.now());
    let look = || [&one, &other].map(|server| server.state.job_added.notify_one());
    let shared = addresses(2 * AT_ONCE);
    for email in &shared {
        request_mail(&one, email).await;
    }
    look();
    // While the mail server is silent, neither instance can do more than its share.
    wait_for_running(&one, 2 * AT_ONCE).await;
    mail.set(SmtpBehavior::Takes);
    wait_for_all_jobs(&one).await;
    assert_eq!(written_to(&mail), shared);
    for user in ["one", "other"] {
        let sent =
            mail.accepted().into_iter().filter(|mail| mail.credentials.as_ref().unwrap().0 == user);
        assert_eq!(sent.count(), AT_ONCE, "{user}");
    }

    // And with instances that contend for the same jobs.
    let contended = addresses(60);
    for email in &contended[shared.len()..] {
        request_mail(&one, email).await;
        look();
    }
    wait_for_all_jobs(&one).await;
    assert_eq!(written_to(&mail), contended);
}

#[apply(on_both_databases)]
async fn delete_user_discards_their_queued_mail(backend: Backend) {
    let mail = MailServer::start(Security::None);
    let server = start_with_mail(&mail, backend, &[]).await;
    mail.set(SmtpBehavior::Answers("RCPT", "451 4.3.0 later"));
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    // No recipient at first: it is looked up just before the mail is sent.
    let request = json!({ "email": ada.email });
    server.anonymous.post("/api/auth/request-password-reset", request).await.expect(200);
    wait_until("three mails have failed", async || {
        let all = jobs(&server).await;
        all.len() == 3 && all.iter().all(|job| job.last_error.is_some())
    })
    .await;
    ada.browser.post("/api/auth/delete-user", json!({ "password": PASSWORD })).await.expect(200);
    let left: Vec<_> = jobs(&server).await.into_iter().map(|job| job.user_id).collect();
    assert_eq!(left, [Some(grace.id)]);

    mail.set(SmtpBehavior::Takes);
    advance(&server, seconds(30));
    wait_for_all_jobs(&server).await;
    assert_eq!(written_to(&mail), [grace.email]);
}

/// Starts the program on a database, with a mail server.
fn run(home: &TempDir, url: &str, mail: &MailServer) -> ServerProcess {
    let (secret, smtp) = (SigningKey::generate().reveal(), mail.url());
    let settings = [
        ("DATABASE_URL", url),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_SMTP_URL", smtp.as_str()),
        ("PORTCULLIS_SMTP_TIMEOUT", "120"),
    ];
    ServerProcess::start(home.path(), &settings)
}

/// Signs up one user more than an instance can send mail to concurrently, and waits until it does what it can.
async fn sign_up_too_many(server: &ServerProcess, mail: &MailServer) -> Vec<String> {
    let people = addresses(AT_ONCE + 1);
    for (number, email) in people.iter().enumerate() {
        if number == AT_ONCE {
            wait_until("all workers are busy", async || mail.callers() == AT_ONCE).await;
        }
        let body = json!({ "name": "x", "email": email, "password": PASSWORD });
        server.anonymous.post("/api/auth/sign-up/email", body).await.expect(200);
    }
    people
}

/// Starts a server on the same database, with a clock that can be moved.
async fn later(url: &str, mail: &MailServer) -> Server {
    Server::on(url, TempDir::new().unwrap(), &["--smtp-url", &mail.url()]).await
}

#[apply(on_both_databases)]
async fn acknowledged_mail_is_sent_after_the_process_was_killed(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let mail = MailServer::start(Security::None);
    mail.set(SmtpBehavior::Silent);
    let server = run(&home, &url, &mail);
    let people = sign_up_too_many(&server, &mail).await;
    server.signal("KILL");
    assert!(!server.wait().success());
    mail.set(SmtpBehavior::Takes);

    // Jobs that were not running are done at once, and those that were when their lease ends.
    let server = run(&home, &url, &mail);
    mail.wait_for(1).await;
    server.signal("TERM");
    assert!(server.wait().success(), "the job was recorded as done");
    assert_eq!(written_to(&mail), people[AT_ONCE..]);
    let server = later(&url, &mail).await;
    advance(&server, LEASE);
    wait_for_all_jobs(&server).await;
    assert_eq!(written_to(&mail), people);
    for accepted in mail.accepted() {
        let secret = accepted.email().secret();
        server.anonymous.get(&format!("/api/auth/verify-email?token={secret}")).await.expect(200);
    }
}

/// At shutdown, the connections that workers have opened end with them.
#[tokio::test]
async fn outcome_is_recorded_although_its_connection_ends() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let mail = MailServer::start(Security::None);
    mail.set(SmtpBehavior::Silent);
    let server = later(&url, &mail).await;
    request_mail(&server, "ada@example.com").await;
    wait_for_running(&server, 1).await;
    let lock_holder = connect(&url).await;
    lock_holder.batch_execute("BEGIN; SELECT FROM jobs FOR UPDATE").await.unwrap();
    let operator = connect(&url).await;
    mail.set(SmtpBehavior::Takes);
    wait_until("the connection that records the outcome has ended", async || {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock' AND query ILIKE 'DELETE FROM%jobs%'";
        !operator.query(end, &[]).await.unwrap().is_empty()
    })
    .await;
    lock_holder.batch_execute("ROLLBACK").await.unwrap();
    wait_for_all_jobs(&server).await;
    assert_eq!(written_to(&mail), ["ada@example.com"]);
}

#[apply(on_both_databases)]
async fn graceful_shutdown_completes_running_jobs_and_starts_no_others(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let mail = MailServer::start(Security::None);
    mail.set(SmtpBehavior::Silent);
    let server = run(&home, &url, &mail);
    let people = sign_up_too_many(&server, &mail).await;
    server.signal("TERM");
    let address = server.anonymous.base.trim_start_matches("http://").to_owned();
    wait_until("it claims no more jobs", async || TcpStream::connect(&address).is_err()).await;
    mail.set(SmtpBehavior::Takes);
    assert!(server.wait().success());
    assert_eq!(written_to(&mail), people[..AT_ONCE]);

    mail.set(SmtpBehavior::Silent);
    let server = later(&url, &mail).await;
    let left = jobs(&server).await;
    assert_eq!(left.len(), 1, "the finished jobs are recorded");
    assert!(left[0].payload.contains(&people[AT_ONCE]));
    mail.set(SmtpBehavior::Takes);
    wait_for_all_jobs(&server).await;
    assert_eq!(written_to(&mail), people);
}
