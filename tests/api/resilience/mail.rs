//! Mail over SMTP: the commands that a mail server gets, and what happens to a mail that it rejects.

use std::time::Duration;

use portcullis::{
    jobs::{Job, Mail, MailKind},
    store::{
        jobs::{self, JobRow},
        page::Window,
    },
    time::{Span, days, seconds},
};
use reqwest::Method;

use crate::support::*;

const SIGN_UP: &str = "/api/auth/sign-up/email";
const JOBS: &str = "/api/admin/jobs";
/// How long a worker holds the lease on a job.
pub const LEASE: Span = seconds(5 * 60);

/// Starts a server that sends its mail through this mail server.
pub async fn start_with_mail(mail: &MailServer, backend: Backend, settings: &[&str]) -> Server {
    let url = mail.url();
    let own = ["--smtp-url", &url, "--smtp-ca-file", mail.certificate_authority()];
    backend.start_with(&[&own, settings].concat()).await
}

/// Requests a mail without a link, which needs no user.
pub async fn request_mail(server: &Server, email: &str) {
    let mail = Mail::new(MailKind::PasswordChanged, email);
    Job::from(mail).add(&server.state, None).await.unwrap();
}

/// Advances the clock, and has the server look for due jobs.
pub fn advance(server: &Server, span: Span) {
    server.advance(span);
    server.state.job_added.notify_one();
}

/// Returns all jobs, newest first.
pub async fn jobs(server: &Server) -> Vec<JobRow> {
    let window = Window::first(100);
    jobs::list(&server.state.store, None, window).await.unwrap().rows
}

/// Returns the unfinished job that sends mail to an email.
pub async fn job_for(server: &Server, email: &str) -> Option<JobRow> {
    let quoted = format!("\"{email}\"");
    jobs(server).await.into_iter().find(|job| job.payload.contains(&quoted))
}

/// Waits until the condition holds.
pub async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 20 seconds: {what}");
}

/// Waits until the mail to an email has failed this often, and returns its job.
pub async fn wait_for_failures(server: &Server, email: &str, attempts: i32) -> JobRow {
    let mut found = None;
    wait_until(&format!("the mail to {email} fails {attempts} times"), async || {
        found = job_for(server, email).await;
        found.as_ref().is_some_and(|job| {
            // No delay after a failure is as long as the lease.
            let in_hand = job.given_up_at.is_none() && job.run_at == server.now() + LEASE;
            job.attempts == attempts && job.last_error.is_some() && !in_hand
        })
    })
    .await;
    found.unwrap()
}

/// Waits until no job is left.
pub async fn wait_for_all_jobs(server: &Server) {
    wait_until("all jobs are done", async || jobs(server).await.is_empty()).await;
}

/// Waits until a mail that is requested now was sent: every job that was due before it has been started.
async fn wait_until_sent(server: &Server, mail: &MailServer) {
    let marker = format!("{}@example.com", portcullis::store::page::new_id());
    request_mail(server, &marker).await;
    wait_until("the marker is sent", async || !mail.accepted_for(&marker).is_empty()).await;
}

/// Returns the only job, as the API shows it to an admin.
async fn show_job(admin: &TestUser, query: &str) -> Value {
    let list = admin.browser.get(&format!("{JOBS}{query}")).await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{list}");
    items[0].clone()
}

/// Starts a server and its mail server, with an admin whose own mail has been sent.
async fn with_an_admin(backend: Backend, settings: &[&str]) -> (Server, MailServer, TestUser) {
    let mail = MailServer::start(Security::None);
    let server = start_with_mail(&mail, backend, settings).await;
    let admin = server.sign_up_admin("admin").await;
    wait_for_all_jobs(&server).await;
    (server, mail, admin)
}

/// Whether a command to the mail server, before a mail, reveals nothing.
fn tells_nothing(said: &str) -> bool {
    ["EHLO ", "STARTTLS ", "QUIT "].iter().any(|word| said.starts_with(word))
}

/// Returns the URL of a link in HTML.
#[track_caller]
fn href(html: &str) -> String {
    let (_, rest) = html.split_once("href=\"").expect("a link");
    rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

#[rstest]
#[case::over_starttls(Security::StartTls, true)]
#[case::over_tls(Security::Tls, true)]
#[case::in_clear_when_asked_for(Security::None, false)]
#[tokio::test]
async fn mail_is_sent_with_credentials_and_the_configured_encryption(
    #[case] security: Security,
    #[case] encrypted: bool,
) {
    let mail = MailServer::start(security);
    let server = start_with_mail(&mail, Backend::Sqlite, &[]).await;
    let ada = server.sign_up("ada").await;
    wait_for_all_jobs(&server).await;

    let accepted = mail.accepted();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    let (user, password) = MailServer::CREDENTIALS;
    assert_eq!(accepted[0].credentials, Some((user.to_owned(), password.to_owned())));
    assert_eq!(accepted[0].encrypted, encrypted);
    assert_eq!((&accepted[0].to, &accepted[0].email().to), (&ada.email, &ada.email));
    let in_clear = mail.commands().into_iter().filter(|said| said.ends_with(" in clear"));
    assert_eq!(in_clear.filter(|said| !tells_nothing(said)).count() > 0, !encrypted);
    let secret = accepted[0].email().secret();
    server.anonymous.get(&format!("/api/auth/verify-email?token={secret}")).await.expect(200);
}

#[tokio::test]
async fn mail_server_without_starttls_receives_no_mail_or_credentials() {
    let mail = MailServer::start(Security::None);
    let url = mail.url().replace("?tls=none", "");
    let settings = ["--smtp-url", &url, "--smtp-ca-file", mail.certificate_authority()];
    let server = Backend::Sqlite.start_with(&settings).await;
    let ada = server.sign_up("ada").await;
    let job = wait_for_failures(&server, &ada.email, 1).await;
    assert!(job.last_error.as_ref().unwrap().contains("STARTTLS"), "{job:?}");
    assert_eq!(job.given_up_at, None);
    assert!(!mail.commands().is_empty());
    assert!(mail.commands().iter().all(|said| tells_nothing(said)), "{:?}", mail.commands());
}

#[rstest]
#[case::by_starttls_of_an_unknown_authority(Security::StartTls, "127.0.0.1", false)]
#[case::of_an_unknown_authority(Security::Tls, "127.0.0.1", false)]
#[case::by_starttls_for_another_host(Security::StartTls, "mail.example", true)]
#[case::for_another_host(Security::Tls, "mail.example", true)]
#[tokio::test]
async fn mail_server_with_an_invalid_certificate_receives_no_mail(
    #[case] security: Security,
    #[case] host: &str,
    #[case] trusted: bool,
) {
    let mail = MailServer::closed(security, host).open();
    let url = mail.url();
    let mut settings = vec!["--smtp-url", &url];
    if trusted {
        settings.extend(["--smtp-ca-file", mail.certificate_authority()]);
    }
    let server = Backend::Sqlite.start_with(&settings).await;
    let ada = server.sign_up("ada").await;
    let job = wait_for_failures(&server, &ada.email, 1).await;
    assert!(job.last_error.as_ref().unwrap().contains("certificate"), "{job:?}");
    assert_eq!(job.given_up_at, None);
    assert!(mail.commands().iter().all(|said| tells_nothing(said)), "{:?}", mail.commands());
}

#[tokio::test]
async fn mailed_link_uses_the_public_url_and_no_host_header_in_text_and_html() {
    let mail = MailServer::start(Security::None);
    let server =
        start_with_mail(&mail, Backend::Sqlite, &["--public-url", "https://portal.example.com"])
            .await;
    let body = json!({ "name": "ada", "email": "ada@example.com", "password": PASSWORD });
    let request = server.anonymous.bare(Method::POST, SIGN_UP).json(&body);
    let request = request.header("Host", "evil.example").header("X-Forwarded-Host", "evil.example");
    Reply::of(request.header("Forwarded", "host=evil.example")).await.expect(200);
    request_mail(&server, "grace@example.com").await;
    wait_for_all_jobs(&server).await;

    let message = mail.accepted_for("ada@example.com")[0].email();
    let link = message.link();
    assert!(link.as_str().starts_with("https://portal.example.com/verify-email#token="));
    assert_eq!(href(&message.html), link.as_str());
    let notice = mail.accepted_for("grace@example.com")[0].email();
    for part in [&notice.text, &notice.html] {
        assert!(part.contains("https://portal.example.com/"), "{part}");
    }
    for accepted in mail.accepted() {
        assert!(!String::from_utf8_lossy(&accepted.raw).contains("evil"), "{accepted:?}");
    }
}

#[rstest]
#[case::localhost(&[], "Portcullis <no-reply@localhost>", "no-reply@localhost")]
#[case::the_public_urls_host(
    &["--public-url", "https://portal.example.com", "--name", "The Portal"],
    "\"The Portal\" <no-reply@portal.example.com>",
    "no-reply@portal.example.com"
)]
#[case::as_set(
    &["--public-url", "https://portal.example.com", "--mail-from", "Hello <hello@example.com>"],
    "Hello <hello@example.com>",
    "hello@example.com"
)]
#[tokio::test]
async fn mail_sender_comes_from_the_setting_or_the_public_url(
    #[case] settings: &[&str],
    #[case] from: &str,
    #[case] envelope: &str,
) {
    let mail = MailServer::start(Security::None);
    let server = start_with_mail(&mail, Backend::Sqlite, settings).await;
    request_mail(&server, "ada@example.com").await;
    let accepted = mail.wait_for(1).await.remove(0);
    assert_eq!(accepted.header("From"), from);
    assert_eq!(accepted.from, envelope);
    let host = envelope.split_once('@').unwrap().1;
    assert!(accepted.header("Message-ID").ends_with(&format!("@{host}>")), "{accepted:?}");
}

#[tokio::test]
async fn mail_is_marked_as_auto_generated() {
    let mail = MailServer::start(Security::None);
    let server = start_with_mail(&mail, Backend::Sqlite, &[]).await;
    request_mail(&server, "ada@example.com").await;
    let accepted = mail.wait_for(1).await.remove(0);
    assert_eq!(accepted.header("Auto-Submitted"), "auto-generated");
}

#[rstest]
#[case::busy(SmtpBehavior::Answers("", "421 4.3.2 closing"), "closing")]
#[case::no_mail_server(SmtpBehavior::Answers("", "HTTP/1.1 400 Bad Request"), "error")]
#[case::hanging_up(SmtpBehavior::Answers("EHLO", ""), "error")]
#[case::of_other_credentials(SmtpBehavior::Answers("AUTH", "535 5.7.8 who are you"), "535")]
#[case::against_the_sender(
    SmtpBehavior::Answers("MAIL", "550 5.1.8 no such domain"),
    "no such domain"
)]
#[case::busy_for_an_address(SmtpBehavior::Answers("RCPT", "451 4.3.0 later"), "451): 4.3.0 later")]
#[case::against_us(SmtpBehavior::Answers("RCPT", "550 5.7.1 not from you"), "not from you")]
#[case::with_a_full_mailbox(SmtpBehavior::Answers("RCPT", "552 5.2.2 full"), "full")]
#[case::against_the_sender_and_brief(SmtpBehavior::Answers("RCPT", "554 no"), "554")]
#[case::of_ill_manners(SmtpBehavior::Answers("RCPT", "451 a \0 and a \u{7}"), "a   and a  ")]
#[case::without_room(SmtpBehavior::Answers("DATA", "452 4.3.1 disk full"), "disk full")]
#[case::against_the_text(SmtpBehavior::Answers(".", "554 5.7.1 spam"), "spam")]
#[case::cut_off_in_the_mail(SmtpBehavior::CutsMail, "error")]
#[case::cut_off_before_its_reply(SmtpBehavior::CutsReply, "incomplete response")]
#[tokio::test]
async fn mail_that_the_server_does_not_accept_is_retried_after_30_seconds(
    #[case] behavior: SmtpBehavior,
    #[case] says: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, mail, admin) = with_an_admin(backend, &[]).await;
    mail.set(behavior);
    let ada = server.sign_up("ada").await;
    wait_for_failures(&server, &ada.email, 1).await;
    let job = show_job(&admin, "?state=waiting").await;
    assert_eq!(job["attempts"], 1);
    assert!(job["lastError"].as_str().unwrap().contains(says), "{job}");
    assert_eq!(job["nextAttemptAt"], (server.now() + seconds(30)).to_string());
    assert_eq!(job["givenUpAt"], Value::Null);
    let before = mail.accepted_for(&ada.email).len();
    assert_eq!(before, usize::from(behavior == SmtpBehavior::CutsReply));

    mail.set(SmtpBehavior::Takes);
    advance(&server, seconds(29));
    wait_until_sent(&server, &mail).await;
    assert_eq!(job_for(&server, &ada.email).await.unwrap().attempts, 1, "it is not due yet");
    advance(&server, seconds(1));
    wait_for_all_jobs(&server).await;
    let accepted = mail.accepted_for(&ada.email);
    assert_eq!(accepted.len(), before + 1);
    let secret = accepted.last().unwrap().email().secret();
    server.anonymous.get(&format!("/api/auth/verify-email?token={secret}")).await.expect(200);
}

#[apply(on_both_databases)]
async fn silent_mail_server_times_out_and_the_mail_is_retried(backend: Backend) {
    let (server, mail, admin) = with_an_admin(backend, &["--smtp-timeout", "2"]).await;
    mail.set(SmtpBehavior::Silent);
    let ada = server.sign_up("ada").await;
    wait_for_failures(&server, &ada.email, 1).await;
    let job = show_job(&admin, "").await;
    assert_eq!(job["lastError"], "the mail server took too long");
    mail.set(SmtpBehavior::Takes);
    advance(&server, seconds(30));
    wait_for_all_jobs(&server).await;
    assert_eq!(mail.accepted_for(&ada.email).len(), 1);
}

#[apply(on_both_databases)]
async fn mail_retry_to_an_unreachable_server_is_given_up_after_a_day(backend: Backend) {
    let mail = MailServer::closed(Security::None, "127.0.0.1");
    let server = start_with_mail(&mail, backend, &[]).await;
    let admin = server.sign_up_admin("admin").await;
    let start = server.now();
    let mut job = wait_for_failures(&server, &admin.email, 1).await;
    assert_eq!(job.run_at, start + seconds(30));
    for attempts in 2..=31 {
        assert_eq!(job.given_up_at, None, "{job:?}");
        assert!(job.last_error.unwrap().contains("refused"));
        server.clock.set(job.run_at);
        server.state.job_added.notify_one();
        job = wait_for_failures(&server, &admin.email, attempts).await;
    }
    let given_up = job.given_up_at.expect("the job is given up");
    assert_eq!(given_up, server.now());
    assert!(
        start + days(1) - seconds(3600) < given_up && given_up < start + days(1) + seconds(3600)
    );

    let mail = mail.open();
    advance(&server, days(1));
    wait_until_sent(&server, &mail).await;
    assert!(mail.accepted_for(&admin.email).is_empty());
    let shown = show_job(&admin, "?state=given-up").await;
    assert_eq!(shown["attempts"], 31);
    assert_eq!(shown["givenUpAt"], given_up.to_string());
    assert_eq!(shown["nextAttemptAt"], Value::Null);
    assert!(shown["lastError"].as_str().unwrap().contains("refused"), "{shown}");
}

#[rstest]
#[case::by_its_code("550 5.1.1 no such user")]
#[case::by_its_code_on_two_lines("550-5.1.1 no such user\r\n550 5.1.1 at all")]
#[case::for_its_host("550 5.1.2 no such host")]
#[case::for_its_syntax("501 5.1.3 no address")]
#[case::as_moved("551 5.1.6 moved away")]
#[case::in_short("550 no such user")]
#[case::as_moved_in_short("551 moved away")]
#[case::for_its_syntax_in_short("553 no address")]
#[tokio::test]
async fn permanently_rejected_email_is_given_up_without_a_retry(#[case] reply: &'static str) {
    let (server, mail, admin) = with_an_admin(Backend::Sqlite, &[]).await;
    mail.set(SmtpBehavior::Answers("RCPT", reply));
    let ada = server.sign_up("ada").await;
    let job = wait_for_failures(&server, &ada.email, 1).await;
    assert_eq!(job.given_up_at, Some(server.now()));
    let shown = show_job(&admin, "?state=given-up").await;
    assert_eq!(shown["userId"], ada.id.as_str());
    assert_eq!(shown["givenUpAt"], server.now().to_string());
    assert_eq!(shown["nextAttemptAt"], Value::Null);
    let said = reply[4..].split("\r\n").next().unwrap();
    assert_eq!(shown["lastError"].as_str().unwrap().matches(said).count(), 1, "{shown}");

    mail.set(SmtpBehavior::Takes);
    advance(&server, days(1));
    wait_until_sent(&server, &mail).await;
    assert!(mail.accepted_for(&ada.email).is_empty());
}

/// Only a response to RCPT rejects the recipient; a rejection before or after it concerns the sender.
#[rstest]
#[case::at_the_door("")]
#[case::for_our_name("EHLO")]
#[case::for_the_sender("MAIL")]
#[case::for_the_text(".")]
#[tokio::test]
async fn mail_rejected_for_other_reasons_than_the_recipient_is_not_given_up(
    #[case] at: &'static str,
) {
    let (server, mail, _) = with_an_admin(Backend::Sqlite, &[]).await;
    mail.set(SmtpBehavior::Answers(at, "550 no"));
    let ada = server.sign_up("ada").await;
    let job = wait_for_failures(&server, &ada.email, 1).await;
    assert_eq!(job.given_up_at, None, "{job:?}");
}

#[tokio::test]
async fn accepted_mail_is_not_sent_again_if_quit_fails() {
    let mail = MailServer::start(Security::None);
    let server = start_with_mail(&mail, Backend::Sqlite, &["--smtp-timeout", "2"]).await;
    let behaviors = [
        SmtpBehavior::Answers("QUIT", "421 too late"),
        SmtpBehavior::Answers("QUIT", ""),
        SmtpBehavior::Lingers,
    ];
    for (behavior, email) in
        behaviors.into_iter().zip(["cold@x.example", "mute@x.example", "slow@x.example"])
    {
        mail.set(behavior);
        request_mail(&server, email).await;
        wait_until("the mail was tried", async || {
            job_for(&server, email).await.is_none_or(|job| job.last_error.is_some())
        })
        .await;
        assert!(job_for(&server, email).await.is_none(), "{behavior:?}");
        assert_eq!(mail.accepted_for(email).len(), 1, "{behavior:?}");
    }
}

/// Mail to this machine itself crosses no network.
#[rstest]
#[case("smtp://localhost?tls=none", false)]
#[case("smtp://127.0.0.1?tls=none", false)]
#[case("smtp://[::1]:2525?tls=none", false)]
#[case("smtp://192.0.2.1?tls=none", true)]
#[case("smtp://user:password@mail.example?tls=none", true)]
#[case("smtp://mail.example", false)]
#[case("smtps://mail.example", false)]
#[tokio::test]
async fn smtp_without_tls_is_exposed_unless_the_host_is_local(
    #[case] url: &str,
    #[case] warned: bool,
) {
    let server = Backend::Sqlite.start_with(&["--smtp-url", url]).await;
    assert_eq!(server.state.mailer.is_exposed(), warned);
}

#[apply(on_both_databases)]
async fn long_mail_server_error_is_stored_truncated(backend: Backend) {
    let (server, mail, _) = with_an_admin(backend, &[]).await;
    let long = format!("451 4.3.0 {}", "é".repeat(400)).leak();
    let lines = ["451-4.3.0 no\r\n"; 500].concat();
    let many = format!("{lines}451 4.3.0 no").leak();
    for (number, reply) in [long, many].into_iter().enumerate() {
        mail.set(SmtpBehavior::Answers("RCPT", reply));
        let email = format!("{number}@example.com");
        request_mail(&server, &email).await;
        let said = wait_for_failures(&server, &email, 1).await.last_error.unwrap();
        assert!(said.contains("4.3.0") && !said.contains('\n'), "{said}");
        assert!((400..=500).contains(&said.chars().count()), "{said}");
    }
}

#[rstest]
#[case::the_first(0)]
#[case::the_second(1)]
#[case::the_last(2)]
#[tokio::test]
async fn reset_link_mailed_three_times_works_once_from_any_mail(
    #[case] used: usize,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, mail, _) = with_an_admin(backend, &[]).await;
    let ada = server.sign_up("ada").await;
    wait_for_all_jobs(&server).await;
    mail.set(SmtpBehavior::CutsReply);
    let request = json!({ "email": ada.email });
    server.anonymous.post("/api/auth/request-password-reset", request).await.expect(200);
    wait_for_failures(&server, &ada.email, 1).await;
    advance(&server, seconds(30));
    wait_for_failures(&server, &ada.email, 2).await;
    mail.set(SmtpBehavior::Takes);
    advance(&server, seconds(60));
    wait_for_all_jobs(&server).await;

    let mails = mail.accepted_for(&ada.email).split_off(1);
    assert_eq!(mails.len(), 3, "{mails:?}");
    let mut ids: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    let mut secrets: Vec<_> = mails.iter().map(|mail| mail.email().secret()).collect();
    let reset_password = async |secret: &str| {
        let body = json!({ "newPassword": "a password of one's own choice", "token": secret });
        server.anonymous.post("/api/auth/reset-password", body).await
    };
    reset_password(&secrets[used]).await.expect(200);
    for secret in &secrets {
        reset_password(secret).await.assert_problem(400, "INVALID_TOKEN");
    }
    for distinct in [&mut ids, &mut secrets] {
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 3, "{distinct:?}");
    }
}

#[apply(on_both_databases)]
async fn queued_mail_does_not_store_the_link_secret(backend: Backend) {
    let (server, mail, _) = with_an_admin(backend, &[]).await;
    mail.set(SmtpBehavior::CutsReply);
    let ada = server.sign_up("ada").await;
    let job = wait_for_failures(&server, &ada.email, 1).await;
    let payload: Value = serde_json::from_str(&job.payload).unwrap();
    assert_eq!(payload, json!({ "about": "verify-email", "email": ada.email }));
    let secret = mail.accepted_for(&ada.email)[0].email().secret();
    let stored = dump(&server).await;
    assert!(stored.contains(&job.id), "the dump contains the job");
    assert!(!stored.contains(&secret), "{stored}");
    assert!(!stored.contains(MailServer::CREDENTIALS.1));
}
