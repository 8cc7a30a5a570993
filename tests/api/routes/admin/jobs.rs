//! /api/admin/jobs

use portcullis::{
    store::jobs::{NewJob, add, count},
    time::{days, seconds},
};

use super::*;
use crate::resilience::mail::{
    advance, jobs, request_mail, start_with_mail, wait_for_all_jobs, wait_for_failures,
};

const PATH: &str = "/api/admin/jobs";
/// The mail server rejects the recipient for good.
const NO_SUCH_USER: SmtpBehavior = SmtpBehavior::Answers("RCPT", "550 5.1.1 no such user");
/// The mail server rejects the recipient for now.
const LATER: SmtpBehavior = SmtpBehavior::Answers("RCPT", "451 4.3.0 later");

fn at(id: &str) -> String {
    format!("{PATH}/{id}")
}

/// Adds a job of a kind that no binary handles, and that waits for ever.
async fn add_foreign(server: &Server, kind: &str) -> String {
    let job = NewJob::new(kind, r#"{"about":"something"}"#.to_owned(), None, server.now());
    let id = job.id().to_owned();
    add(&server.state.store, job).await.unwrap();
    id
}

/// Starts a server and its mail server, with an admin whose own mail has been sent.
async fn with_an_admin(backend: Backend) -> (Server, MailServer, TestUser) {
    let mail = MailServer::start(Security::None);
    let server = start_with_mail(&mail, backend, &[]).await;
    let admin = server.sign_up_admin("admin").await;
    wait_for_all_jobs(&server).await;
    (server, mail, admin)
}

/// Signs up a user, and returns the job whose mail has failed once.
async fn sign_up_with_failing_mail(
    server: &Server,
    mail: &MailServer,
    behavior: SmtpBehavior,
) -> (TestUser, String) {
    mail.set(behavior);
    let ada = server.sign_up("ada").await;
    let id = wait_for_failures(server, &ada.email, 1).await.id;
    (ada, id)
}

async fn list(admin: &TestUser, query: &str) -> Vec<Value> {
    let list = admin.browser.get(&format!("{PATH}{query}")).await.expect(200);
    list["items"].as_array().unwrap().clone()
}

/// Returns the console's list of jobs, which shows the number of attempts.
async fn tries(admin: &TestUser) -> String {
    admin.browser.navigate("/admin/jobs").await.text
}

async fn retry(caller: &Caller, id: &str) -> Reply {
    caller.post(&format!("{}/retry", at(id)), json!({})).await
}

#[apply(on_both_databases)]
async fn list_retry_or_discard_jobs_by_non_admin_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let id = add_foreign(&server, "foreign").await;
    let script = ada.token(&["read", "write"]).await;
    for (caller, status, code) in [
        (&server.anonymous, 401, "UNAUTHORIZED"),
        (&ada.browser, 403, "admin_required"),
        (&script, 403, "insufficient_scope"),
    ] {
        caller.get(PATH).await.assert_problem(status, code);
        retry(caller, &id).await.assert_problem(status, code);
        caller.delete(&at(&id)).await.assert_problem(status, code);
    }
    server.wait_for_jobs().await;
    assert_eq!(jobs(&server).await.remove(0).id, id);
}

#[apply(on_both_databases)]
async fn retry_or_discard_job_requires_fresh_session_or_write_token(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let id = add_foreign(&server, "foreign").await;
    let writer = admin.token(&["write", "admin"]).await;
    let reader = admin.token(&["read", "admin"]).await;
    server.advance(days(1));
    admin.browser.get(PATH).await.expect(200);
    retry(&admin.browser, &id).await.assert_problem(403, "SESSION_NOT_FRESH");
    admin.browser.delete(&at(&id)).await.assert_problem(403, "SESSION_NOT_FRESH");
    writer.get(PATH).await.assert_problem(403, "insufficient_scope");
    retry(&reader, &id).await.assert_problem(403, "insufficient_scope");
    reader.delete(&at(&id)).await.assert_problem(403, "insufficient_scope");
    reader.get(PATH).await.expect(200);
    retry(&writer, &id).await.expect(200);
    writer.delete(&at(&id)).await.expect(204);
}

#[apply(on_both_databases)]
async fn list_jobs_with_invalid_query_is_bad_request(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let more = ["state=", "state=done", "state=WAITING", "state=givenUp", "kind=mail"];
    for query in BAD_PAGES.iter().chain(&more) {
        let reply = admin.browser.get(&format!("{PATH}?{query}")).await;
        reply.assert_problem(400, "invalid_query");
    }
}

#[apply(on_both_databases)]
async fn retry_or_discard_job_with_unknown_or_malformed_id_is_not_found(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let before = events(&admin.browser).await;
    for id in unknown_ids() {
        retry(&admin.browser, &id).await.assert_problem(404, "not_found");
        admin.browser.delete(&at(&id)).await.assert_problem(404, "not_found");
    }
    assert_eq!(events(&admin.browser).await, before);
}

#[apply(on_both_databases)]
async fn list_jobs_without_jobs_is_empty(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    wait_for_all_jobs(&server).await;
    let empty = json!({ "items": [], "previousCursor": null, "nextCursor": null });
    for query in ["", "?state=waiting", "?state=given-up"] {
        assert_eq!(admin.browser.get(&format!("{PATH}{query}")).await.expect(200), empty);
    }
}

#[apply(on_both_databases)]
async fn list_jobs_shows_payload_attempts_last_error_and_next_attempt(backend: Backend) {
    let (server, mail, admin) = with_an_admin(backend).await;
    let (start, foreign) = (server.now(), add_foreign(&server, "foreign").await);
    let untried = json!({
        "id": foreign,
        "kind": "foreign",
        "payload": { "about": "something" },
        "userId": null,
        "attempts": 0,
        "lastError": null,
        "nextAttemptAt": start.to_string(),
        "givenUpAt": null,
        "createdAt": start.to_string(),
    });
    assert!(tries(&admin).await.contains("· not tried yet ·"));
    let (ada, id) = sign_up_with_failing_mail(&server, &mail, LATER).await;
    let failed_once = json!({
        "id": id,
        "kind": "mail",
        "payload": { "about": "verify-email", "email": ada.email },
        "userId": ada.id,
        "attempts": 1,
        "lastError": "transient error (451): 4.3.0 later",
        "nextAttemptAt": (start + seconds(30)).to_string(),
        "givenUpAt": null,
        "createdAt": start.to_string(),
    });
    assert_eq!(list(&admin, "").await, [failed_once.clone(), untried.clone()]);
    assert!(tries(&admin).await.contains("· tried once ·"));

    mail.set(NO_SUCH_USER);
    advance(&server, seconds(30));
    wait_for_failures(&server, &ada.email, 2).await;
    let mut given_up = failed_once;
    given_up["attempts"] = json!(2);
    given_up["lastError"] = json!("permanent error (550): 5.1.1 no such user");
    given_up["nextAttemptAt"] = Value::Null;
    given_up["givenUpAt"] = json!(server.now().to_string());
    assert_eq!(list(&admin, "").await, [given_up.clone(), untried.clone()]);
    assert!(tries(&admin).await.contains("· tried 2 times<"));
    assert_eq!(list(&admin, "?state=given-up").await, [given_up]);
    assert_eq!(list(&admin, "?state=waiting").await, [untried]);
}

#[apply(on_both_databases)]
async fn list_jobs_pagination_shows_each_job_once_newest_first(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    wait_for_all_jobs(&server).await;
    for kind in ["1", "2", "3", "4", "5"] {
        add_foreign(&server, kind).await;
        let over = add_foreign(&server, "over").await;
        let give_up = format!("UPDATE jobs SET given_up_at = created_at WHERE id = '{over}'");
        execute(&server, &give_up).await;
    }
    let query = format!("{PATH}?limit=2&state=waiting");
    let seen: Vec<_> =
        pages(&admin.browser, &query).await.iter().map(|page| each(page, "kind")).collect();
    assert_eq!(seen, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
    let given_up = pages(&admin.browser, &format!("{PATH}?limit=4&state=given-up")).await;
    assert_eq!(given_up.iter().map(Vec::len).collect::<Vec<_>>(), [4, 1]);
    assert_eq!(pages(&admin.browser, &format!("{PATH}?limit=5")).await.len(), 2);
    assert_eq!(count(&server.state.store).await.unwrap(), (5, 5));
}

#[apply(on_both_databases)]
async fn retry_given_up_job_sends_its_email(backend: Backend) {
    let (server, mail, admin) = with_an_admin(backend).await;
    let (ada, id) = sign_up_with_failing_mail(&server, &mail, NO_SUCH_USER).await;
    mail.set(SmtpBehavior::Takes);
    server.advance(seconds(60));
    let job = retry(&admin.browser, &id).await.expect(200);
    assert_eq!((&job["id"], &job["attempts"]), (&json!(id), &json!(0)));
    assert_eq!(
        (&job["givenUpAt"], &job["nextAttemptAt"]),
        (&Value::Null, &json!(server.now().to_string()))
    );
    wait_for_all_jobs(&server).await;
    let secret = mail.accepted_for(&ada.email)[0].email().secret();
    server.anonymous.get(&format!("/api/auth/verify-email?token={secret}")).await.expect(200);

    let event = events(&admin.browser).await.remove(0);
    assert_eq!(event["action"], "job-retried");
    assert_eq!(event["actorId"], admin.id.as_str());
    assert_eq!(event["subjectId"], ada.id.as_str());
    assert_eq!(event["detail"], json!({ "jobId": id, "kind": "mail" }));
    retry(&admin.browser, &id).await.assert_problem(404, "not_found");
    assert_eq!(events(&admin.browser).await[0], event, "a sent mail cannot be retried");
}

#[apply(on_both_databases)]
async fn retry_job_resets_its_attempts_and_backoff(backend: Backend) {
    let (server, mail, admin) = with_an_admin(backend).await;
    let (ada, id) = sign_up_with_failing_mail(&server, &mail, LATER).await;
    for (attempts, delay) in [(2, 30), (3, 60)] {
        advance(&server, seconds(delay));
        wait_for_failures(&server, &ada.email, attempts).await;
    }
    retry(&admin.browser, &id).await.expect(200);
    let job = wait_for_failures(&server, &ada.email, 1).await;
    assert_eq!(job.run_at, server.now() + seconds(30));
}

#[apply(on_both_databases)]
async fn discard_job_stops_its_email_from_being_sent(backend: Backend) {
    let (server, mail, admin) = with_an_admin(backend).await;
    let (ada, id) = sign_up_with_failing_mail(&server, &mail, LATER).await;
    admin.browser.delete(&at(&id)).await.expect(204);
    let event = events(&admin.browser).await.remove(0);
    assert_eq!(event["action"], "job-discarded");
    assert_eq!(event["actorId"], admin.id.as_str());
    assert_eq!(event["subjectId"], ada.id.as_str());
    assert_eq!(event["detail"], json!({ "jobId": id, "kind": "mail" }));
    admin.browser.delete(&at(&id)).await.assert_problem(404, "not_found");
    assert_eq!(events(&admin.browser).await[0], event);

    mail.set(SmtpBehavior::Takes);
    advance(&server, days(1));
    request_mail(&server, "marker@example.com").await;
    wait_for_all_jobs(&server).await;
    assert!(mail.accepted_for(&ada.email).is_empty());
    assert_eq!(mail.accepted_for("marker@example.com").len(), 1);
}

#[apply(on_both_databases)]
async fn job_without_a_user_is_the_subject_of_its_own_events(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let id = add_foreign(&server, "foreign").await;
    retry(&admin.browser, &id).await.expect(200);
    admin.browser.delete(&at(&id)).await.expect(204);
    for (event, action) in events(&admin.browser).await.iter().zip(["job-discarded", "job-retried"])
    {
        assert_eq!(event["action"], action);
        assert_eq!(event["subjectId"], id.as_str());
        assert_eq!(event["detail"], json!({ "jobId": id, "kind": "foreign" }));
    }
}

#[apply(on_both_databases)]
async fn retry_or_discard_job_is_rolled_back_when_its_event_cannot_be_stored(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    wait_for_all_jobs(&server).await;
    let id = add_foreign(&server, "foreign").await;
    let before = list(&admin, "").await;
    execute(&server, "ALTER TABLE activity RENAME TO activity_gone").await;
    server.advance(seconds(60));
    retry(&admin.browser, &id).await.assert_problem(500, "internal_error");
    admin.browser.delete(&at(&id)).await.assert_problem(500, "internal_error");
    assert_eq!(list(&admin, "").await, before);
}
