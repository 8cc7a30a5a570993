//! The program itself: its commands, its start and its stop.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Command,
};

use tempfile::TempDir;

use crate::support::*;

#[tokio::test]
async fn server_starts_without_settings_and_keeps_its_data_across_restarts() {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    server.anonymous.get("/health/ready").await.expect(200);
    assert!(server.banner.contains("SQLite in data/portcullis.db"), "{}", server.banner);
    let secret = home.path().join("data/secret");
    let first = std::fs::read_to_string(&secret).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = server.anonymous.post("/api/auth/sign-up/email", body).await;
    let cookie = reply.cookie().unwrap();
    drop(server);

    let server = ServerProcess::start(home.path(), &[]);
    assert_eq!(
        std::fs::read_to_string(&secret).unwrap(),
        first,
        "the secret is kept across restarts"
    );
    server.anonymous.with_cookie(&cookie).get("/api/me").await.expect(200);
}

#[tokio::test]
async fn second_server_on_the_same_sqlite_file_fails_to_start() {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    let refusal = fails(run(home.path(), &[], &["serve"], ""));
    assert!(refusal.contains("another server is running on this file"), "{refusal}");
    assert_eq!(refusal.lines().count(), 1);
    server.anonymous.get("/health/ready").await.expect(200);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn user_and_token_commands_create_deactivate_reactivate_and_revoke(#[case] backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let server = ServerProcess::start(home.path(), &settings);
    let run = |arguments: &[&str], input: &str| run(home.path(), &settings, arguments, input);
    let create = ["user", "create", "--email", "Root@example.com", "--name", "Root", "--admin"];

    assert!(succeeds(run(&["user", "list"], "")).contains("No users."));
    assert!(succeeds(run(&["token", "list"], "")).contains("No tokens."));
    assert!(fails(run(&create, "short\n")).contains("at least 8 characters"));
    assert!(fails(run(&create, "password123\n")).contains("attackers try first"));
    assert!(fails(run(&create, "root@example.com\n")).contains("made of the user's name"));
    assert!(succeeds(run(&create, PASSWORD)).contains("Created root@example.com (admin)"));
    assert!(fails(run(&create, PASSWORD)).contains("this email is already in use"));
    succeeds(run(&["user", "create", "--email", "ada@example.com", "--name", "Ada"], PASSWORD));
    let list = succeeds(run(&["user", "list", "--search", "ADA"], ""));
    assert!(list.contains("ada@example.com") && !list.contains("root@"), "{list}");

    let created = succeeds(run(
        &[
            "token",
            "create",
            "--email",
            "ada@example.com",
            "--name",
            "cli",
            "--scope",
            "read",
            "--expires-in-days",
            "2",
        ],
        "",
    ));
    let script = server.anonymous.with_token(created.trim());
    assert_eq!(script.get("/api/me").await.expect(200)["scopes"], json!(["read"]));
    let refusal = fails(run(
        &["token", "create", "--email", "ada@example.com", "--name", "x", "--scope", "admin"],
        "",
    ));
    assert!(refusal.contains("not an admin"), "{refusal}");
    fails(run(
        &["token", "create", "--email", "ada@example.com", "--name", "x", "--scope", "everything"],
        "",
    ));

    succeeds(run(&["user", "deactivate", "ada@example.com"], ""));
    script.get("/api/me").await.assert_problem(401, "token_invalid");
    succeeds(run(&["user", "deactivate", "ada@example.com"], ""));
    succeeds(run(&["user", "reactivate", "ada@example.com"], ""));
    script.get("/api/me").await.expect(200);

    let list = succeeds(run(&["token", "list", "--email", "ada@example.com"], ""));
    assert!(!list.contains(created.trim()));
    let id = list.split_whitespace().next().unwrap();
    succeeds(run(&["token", "revoke", id], ""));
    script.get("/api/me").await.assert_problem(401, "token_invalid");
    assert!(fails(run(&["token", "revoke", "nothing"], "")).contains("no token has this id"));

    let sign_in = |password: &'static str| {
        let anonymous = server.anonymous.clone();
        async move {
            anonymous
                .post(
                    "/api/auth/sign-in/email",
                    json!({ "email": "ada@example.com", "password": password }),
                )
                .await
        }
    };
    let cookie = sign_in(PASSWORD).await.cookie().unwrap();
    let password = ["user", "password", "ada@example.com"];
    assert!(fails(run(&password, "Portcullis\n")).contains("name of this site"));
    // Decomposed Unicode, as some systems send it; other systems compose what is typed.
    succeeds(run(&password, "another fine passwo\u{308}rd\n"));
    server.anonymous.with_cookie(&cookie).get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    sign_in(PASSWORD).await.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in("another fine passw\u{f6}rd").await.expect(200);

    assert!(
        fails(run(&["user", "deactivate", "root@example.com"], ""))
            .contains("without an active admin")
    );
    assert!(
        fails(run(&["user", "role", "root@example.com", "user"], ""))
            .contains("without an active admin")
    );
    succeeds(run(&["user", "role", "ada@example.com", "admin"], ""));
    succeeds(run(&["user", "role", "root@example.com", "user"], ""));
    assert!(
        fails(run(&["user", "role", "nobody@example.com", "user"], ""))
            .contains("no user has the email")
    );
    let admin = sign_in("another fine passw\u{f6}rd").await.cookie().unwrap();
    let events = server.anonymous.with_cookie(&admin).get("/api/admin/activity").await.expect(200);
    let mut events = events["items"].as_array().unwrap().iter();
    let created = events.find(|event| event["action"] == "token-created").unwrap();
    assert_eq!(created["detail"]["tokenId"], id);
    let os_user = Command::new("id").arg("-un").output().unwrap().stdout;
    let os_user = String::from_utf8(os_user).unwrap().trim().to_owned();
    assert_eq!(created["detail"]["osUser"], os_user.as_str());
    let page = server.anonymous.with_cookie(&admin).navigate("/admin/activity").await.text;
    assert!(page.contains(&format!("The operator ({os_user} at the command line)")), "{page}");
}

/// Rehearses the response to a leak of credentials.
#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn revoke_commands_end_sessions_links_and_tokens_of_one_or_all_users(
    #[case] backend: Backend,
) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let server = ServerProcess::start(home.path(), &settings);
    let run = |arguments: &[&str], input: &str| run(home.path(), &settings, arguments, input);
    let sign_in = async |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD });
        let reply = server.anonymous.post("/api/auth/sign-in/email", body).await;
        server.anonymous.with_cookie(&reply.cookie().unwrap())
    };
    let mut keys = Vec::new();
    for (email, admin) in [
        ("ada@example.com", None),
        ("bob@example.com", None),
        ("root@example.com", Some("--admin")),
    ] {
        let create = ["user", "create", "--name", "x", "--email", email];
        succeeds(run(&create.into_iter().chain(admin).collect::<Vec<_>>(), PASSWORD));
        let token = succeeds(run(&["token", "create", "--name", "t", "--email", email], ""));
        keys.push((sign_in(email).await, server.anonymous.with_token(token.trim())));
    }
    let live = async || {
        let mut live = Vec::new();
        for (browser, script) in &keys {
            live.push([browser.get("/api/me").await, script.get("/api/me").await].map(|reply| {
                assert!([200, 401].contains(&reply.status.as_u16()), "{reply:?}");
                reply.status == 200
            }));
        }
        live
    };
    let links = async |email: &str| {
        let ask = json!({ "email": email });
        server.anonymous.post("/api/auth/request-password-reset", ask).await.expect(200);
        Email::wait_in(&home.path().join("data/outbox"), email, 1).await.secret()
    };
    let follow = async |token: &str| {
        let body = json!({ "newPassword": PASSWORD, "token": token });
        server.anonymous.post("/api/auth/reset-password", body).await
    };

    for vague in [
        &["session", "revoke"][..],
        &["session", "revoke", "--all", "--email", "ada@example.com"],
        &["token", "revoke"],
        &["token", "revoke", "x", "--all"],
    ] {
        fails(run(vague, ""));
    }
    assert!(
        fails(run(&["session", "revoke", "--email", "eve@example.com"], ""))
            .contains("no user has the email")
    );
    assert_eq!(live().await, [[true, true]; 3]);

    let (of_ada, of_bob) = (links("ada@example.com").await, links("bob@example.com").await);
    assert!(
        fails(run(&["session", "list", "--email", "eve@example.com"], ""))
            .contains("no user has the email")
    );
    let listed = succeeds(run(&["session", "list", "--email", "ADA@example.com"], ""));
    assert_eq!((listed.lines().count(), listed.contains("127.0.0.1")), (1, true), "{listed}");
    let output = succeeds(run(&["session", "revoke", "--email", "ADA@example.com"], ""));
    assert!(output.contains("all sessions and mailed links of ada@example.com"), "{output}");
    assert!(
        succeeds(run(&["session", "list", "--email", "ada@example.com"], ""))
            .contains("No sessions.")
    );
    follow(&of_ada).await.assert_problem(400, "INVALID_TOKEN");
    assert_eq!(live().await, [[false, true], [true, true], [true, true]]);
    let output = succeeds(run(&["token", "revoke", "--email", "ada@example.com"], ""));
    assert!(output.contains("all tokens of ada@example.com."), "{output}");
    assert_eq!(live().await, [[false, false], [true, true], [true, true]]);

    let output = succeeds(run(&["session", "revoke", "--all"], ""));
    assert!(output.contains("all sessions and mailed links of all users"), "{output}");
    follow(&of_bob).await.assert_problem(400, "INVALID_TOKEN");
    assert_eq!(live().await, [[false, false], [false, true], [false, true]]);
    let output = succeeds(run(&["token", "revoke", "--all"], ""));
    assert!(output.contains("all tokens of all users."), "{output}");
    assert_eq!(live().await, [[false, false]; 3]);

    let root = sign_in("root@example.com").await;
    let log = root.get("/api/admin/activity?limit=20").await.expect(200);
    let seen = |name: &str| {
        let items = log["items"].as_array().unwrap().iter();
        let ended = ["sessions-ended", "tokens-revoked"];
        let ended = items.filter(|event| ended.contains(&event["action"].as_str().unwrap()));
        ended.map(|event| event[name].clone()).collect::<Vec<_>>()
    };
    let actions = ["tokens-revoked", "sessions-ended", "tokens-revoked", "sessions-ended"];
    assert_eq!(seen("action"), actions);
    assert_eq!(seen("subjectId")[..2], ["all-users", "all-users"]);
    assert_eq!(seen("actorId"), [const { Value::Null }; 4]);
    let page = root.navigate("/admin/activity").await;
    assert!(page.text.contains("ended all sessions of all users"), "{}", page.text);
}

#[tokio::test]
async fn banner_shows_how_to_create_an_admin_until_one_exists() {
    let home = TempDir::new().unwrap();
    let mut first = portcullis(home.path(), &[]).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
    let hint = lines.find(|line| line.contains("create one: ")).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let command = hint.split_once("create one: ").unwrap().1;
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    succeeds(run(home.path(), &[], &arguments, PASSWORD));
    let second = ServerProcess::start(home.path(), &[]);
    assert!(!second.banner.contains("no admin"), "{}", second.banner);
}

const LISTEN_EVERYWHERE: (&str, &str) = ("PORTCULLIS_LISTEN", "0.0.0.0:0");

#[rstest]
#[case::nothing_set(&[], false)]
#[case::localhost(&[("PORTCULLIS_PUBLIC_URL", "http://localhost:8080")], false)]
#[case::ipv4(&[("PORTCULLIS_PUBLIC_URL", "http://127.0.0.1:8080")], false)]
#[case::ipv6(&[("PORTCULLIS_PUBLIC_URL", "http://[::1]:8080")], false)]
#[case::https(&[("PORTCULLIS_PUBLIC_URL", "https://example.com"), LISTEN_EVERYWHERE], false)]
#[case::listens(&[LISTEN_EVERYWHERE], true)]
#[case::http(&[("PORTCULLIS_PUBLIC_URL", "http://example.com")], true)]
#[case::look_alike(&[("PORTCULLIS_PUBLIC_URL", "http://localhost.example.com")], true)]
#[tokio::test]
async fn banner_warns_of_a_session_cookie_over_a_network_without_https(
    #[case] settings: &[(&str, &str)],
    #[case] warns: bool,
) {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), settings);
    let warned =
        server.banner.contains("warning   the session cookie crosses a network without https");
    assert_eq!(warned, warns, "{}", server.banner);
}

const HTTPS: (&str, &str) = ("PORTCULLIS_PUBLIC_URL", "https://example.com");

#[rstest]
#[case::no_proxy_named(&[HTTPS], true)]
#[case::empty(&[HTTPS, ("PORTCULLIS_TRUSTED_PROXIES", "")], true)]
#[case::named(&[HTTPS, ("PORTCULLIS_TRUSTED_PROXIES", "10.0.0.0/8")], false)]
#[case::said_that_there_is_none(&[HTTPS, ("PORTCULLIS_TRUSTED_PROXIES", "none")], false)]
#[case::http(&[("PORTCULLIS_PUBLIC_URL", "http://localhost:8080")], false)]
#[case::nothing_set(&[], false)]
#[tokio::test]
async fn banner_warns_of_https_without_a_trusted_proxy(
    #[case] settings: &[(&str, &str)],
    #[case] warns: bool,
) {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), settings);
    let warned = server.banner.contains("set PORTCULLIS_TRUSTED_PROXIES to");
    assert_eq!(warned, warns, "{}", server.banner);
}

/// All requests of a test come from the loopback IP address, which is a private one.
#[rstest]
#[case::not_named(&[], &["X-Forwarded-For", "Forwarded"], 1)]
#[case::another_is_named(&[("PORTCULLIS_TRUSTED_PROXIES", "192.0.2.1")], &["X-Forwarded-For"], 1)]
#[case::named(&[("PORTCULLIS_TRUSTED_PROXIES", "127.0.0.1")], &["X-Forwarded-For"], 0)]
#[case::said_that_there_is_none(&[("PORTCULLIS_TRUSTED_PROXIES", "none")], &["X-Forwarded-For"], 0)]
#[case::no_proxy(&[], &["X-Real-Ip"], 0)]
#[tokio::test]
async fn untrusted_proxy_in_a_private_network_is_logged_once(
    #[case] settings: &[(&str, &str)],
    #[case] headers: &[&str],
    #[case] lines: usize,
) {
    let home = TempDir::new().unwrap();
    // Where nothing is rate-limited, no client's IP address is needed.
    let limit = ("PORTCULLIS_LIMIT_REQUESTS", "6000/1m");
    let settings: Vec<_> = settings.iter().copied().chain([limit]).collect();
    let server = ServerProcess::start_logging(home.path(), &settings);
    for header in headers.iter().cycle().take(4) {
        let request = server.anonymous.bare(reqwest::Method::GET, "/api/dashboard");
        Reply::of(request.header(*header, "203.0.113.9")).await.expect(200);
    }
    server.signal("TERM");
    assert!(server.wait().success());
    let log = std::fs::read_to_string(home.path().join("log")).unwrap();
    assert_eq!(log.matches("a proxy in a private network is not trusted").count(), lines, "{log}");
    assert!(!log.contains("203.0.113.9"), "{log}");
}

#[rstest]
#[case::terminated("TERM")]
#[case::interrupted("INT")]
#[case::quit("QUIT")]
#[tokio::test]
async fn graceful_shutdown_on_a_signal_lets_running_requests_finish(#[case] signal: &str) {
    let home = TempDir::new().unwrap();
    // One worker thread, so that a later response shows that earlier bytes have been read.
    let server = ServerProcess::start(home.path(), &[("PORTCULLIS_WORKERS", "1")]);
    let address = server.anonymous.base.trim_start_matches("http://").to_owned();
    let body = json!({ "name": "x", "email": "x@example.com", "password": PASSWORD }).to_string();
    let head = format!(
        "POST /api/auth/sign-up/email HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut running = TcpStream::connect(&address).unwrap();
    running.write_all(format!("{head}{}", &body[..10]).as_bytes()).unwrap();
    // The server has read this much when it answers the next request on another connection.
    server.anonymous.get("/health/live").await.expect(200);
    server.anonymous.get("/health/live").await.expect(200);

    server.signal(signal);
    while TcpStream::connect(&address).is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    running.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(server.wait().success());
}

#[tokio::test]
async fn last_use_of_a_token_survives_a_graceful_shutdown() {
    let home = TempDir::new().unwrap();
    succeeds(run(
        home.path(),
        &[],
        &["user", "create", "--email", "a@example.com", "--name", "A"],
        PASSWORD,
    ));
    let token = succeeds(run(
        home.path(),
        &[],
        &["token", "create", "--email", "a@example.com", "--name", "t"],
        "",
    ));
    let last_used = async |server: &ServerProcess| {
        let page = server.anonymous.with_token(token.trim()).get("/api/tokens").await.expect(200);
        page["items"][0]["lastUsedAt"].clone()
    };
    let server = ServerProcess::start(home.path(), &[]);
    assert_eq!(last_used(&server).await, Value::Null);
    server.signal("TERM");
    assert!(server.wait().success());
    let server = ServerProcess::start(home.path(), &[]);
    assert!(last_used(&server).await.is_string());
}

#[tokio::test]
async fn json_log_has_one_object_per_line_without_the_query_string() {
    let home = TempDir::new().unwrap();
    let settings = [("PORTCULLIS_LOG_FORMAT", "json"), ("PORTCULLIS_LOG", "info")];
    let mut server = ServerProcess::start(home.path(), &settings);
    let reply = server.anonymous.get("/api/dashboard?secret=marker").await;
    let id = reply.header("x-request-id").unwrap().to_owned();
    let mut errors = server.child.stderr.take().unwrap();
    server.signal("TERM");
    assert!(server.wait().success());
    let mut text = String::new();
    errors.read_to_string(&mut text).unwrap();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let answered = lines.iter().find(|line| line["message"] == "answered").expect(&text);
    assert_eq!(answered["span"]["id"], id.as_str());
    assert_eq!(answered["route"], "/api/dashboard");
    assert_eq!(answered["status"], 200);
    assert!(!text.contains("marker"), "{text}");
}

#[tokio::test]
async fn second_signal_stops_a_draining_server_at_once() {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), &[("PORTCULLIS_DRAIN_DELAY", "600")]);
    server.signal("TERM");
    while server.anonymous.get("/health/ready").await.status != 503 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    server.anonymous.get("/api/dashboard").await.expect(200);
    // A signal that comes sooner counts as a repetition of the first.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    server.signal("TERM");
    assert!(!server.wait().success());
}

#[rstest]
#[case(&[("PORTCULLIS_LISTEN", "nowhere")], "PORTCULLIS_LISTEN")]
#[case(&[("PORTCULLIS_SIGN_UP", "maybe")], "open, closed")]
#[case(&[("PORTCULLIS_PUBLIC_URL", "example.com")], "PORTCULLIS_PUBLIC_URL")]
#[case(&[("PORTCULLIS_PUBLIC_URL", "https://example.com/app")], "needs a host of its own")]
#[case(&[("PORTCULLIS_PUBLIC_URL", "https://example.com/app/")], "needs a host of its own")]
#[case(&[("PORTCULLIS_PUBLIC_URL", "https://example.com/?x=y")], "PORTCULLIS_PUBLIC_URL")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "https://app.example.com,https://example.com/app")], "without a path")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "*")], "PORTCULLIS_TRUSTED_ORIGINS")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "https://*.example.com")], "PORTCULLIS_TRUSTED_ORIGINS")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "https://app.example.com,null")], "cannot be null")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "capacitor://*")], "not a pattern")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "capacitor://localhost/app")], "without a path")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "capacitor:localhost")], "PORTCULLIS_TRUSTED_ORIGINS")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "capacitor://")], "name a host")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "file://localhost")], "name a host")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "wss://app.example.com")], "name a host")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "localhost:5173")], "PORTCULLIS_TRUSTED_ORIGINS")]
#[case(&[("PORTCULLIS_TRUSTED_PROXIES", "10.0.0.0/8,none")], "PORTCULLIS_TRUSTED_PROXIES")]
#[case(&[("PORTCULLIS_COOKIE_SAME_SITE", "none")], "PORTCULLIS_PUBLIC_URL that begins with https://")]
#[case(&[("PORTCULLIS_COOKIE_SAME_SITE", "strict")], "lax, none")]
#[case(&[("PORTCULLIS_LOGIN_URL", "//evil.example")], "PORTCULLIS_LOGIN_URL")]
#[case(&[("PORTCULLIS_TOKEN_PREFIX", "sk live")], "underscore")]
#[case(&[("PORTCULLIS_SECRET", "hunter2")], "portcullis secret")]
#[case(&[("PORTCULLIS_SECRET", "hunter2,hunter2")], "1 of 2")]
#[case(&[("PORTCULLIS_SECRET_FILE", "missing")], "PORTCULLIS_SECRET_FILE names missing")]
#[case(&[("DATABASE_URL", "mysql://x")], "postgres://")]
#[case(&[("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x")], "PORTCULLIS_SECRET")]
#[case(&[("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:bad/x")], "DATABASE_URL")]
#[case(&[("DATABASE_URL", "postgres://u:p@s/s:hunter2#o?r%d&=x@127.0.0.1:1/x")], "percent-encoded")]
#[case(&[("DATABASE_URL", "postgres://u:p@h/x?schema=app")], "DATABASE_URL: the option schema")]
#[case(&[("DATABASE_URL", "postgres://u:p@h/x?sslmode=always")], "verify-full")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtps://user@mail.example.com")], "without a password")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtps://user:@mail.example.com")], "without a password")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtp://:hunter2@mail.example.com")], "without a user")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtps://user:hunter2/x@mail.example.com")], "percent-encoded")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtps://user:2525/hunter2@mail.example.com")], "percent-encoded")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtps://user:2525#hunter2@mail.example.com")], "percent-encoded")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtp://user:2525?hunter2@mail.example.com")], "percent-encoded")]
#[case(&[("PORTCULLIS_SMTP_URL", "smtps://mail.example.com/hunter2")], "after the host")]
#[case(&[("PORTCULLIS_WORKERS", "1024")], "PORTCULLIS_WORKERS")]
#[case(&[("PORTCULLIS_SOCKET_MODE", "0999")], "octal")]
#[case(&[("PORTCULLIS_LOG", "=,=")], "PORTCULLIS_LOG")]
#[case(&[("PORTCULLIS_LOG", "verbose")], "PORTCULLIS_LOG: invalid value 'verbose'")]
#[case(&[("PORTCULLIS_DATA_DIR", "data\r")], "PORTCULLIS_DATA_DIR")]
#[case(&[("PORTCULLIS_NO_MIGRATE", "maybe")], "PORTCULLIS_NO_MIGRATE: invalid value 'maybe'")]
#[case(&[("PORTCULLIS_NO_MIGRATE", "1")], "portcullis migrate")]
#[case(&[("PORTCULLIS_NO_MIGRATE", "on")], "portcullis migrate")]
#[case(&[("PORTCULLIS_LISTEN", "unix:server.sock\r")], "PORTCULLIS_LISTEN")]
#[case(&[("DATABASE_URL", "sqlite:app.db?mode=rwc")], "without options")]
#[case(&[("PORTCULLIS_PUBLIC_URL", "api.example.com")], "must begin with https://")]
#[case(&[("PORTCULLIS_TRUSTED_ORIGINS", "app.example.com")], "must begin with https://")]
fn invalid_setting_prevents_the_start_and_is_named_without_secrets(
    #[case] settings: &[(&str, &str)],
    #[case] says: &str,
) {
    let home = TempDir::new().unwrap();
    let refusal = fails(run(home.path(), settings, &[], ""));
    assert!(refusal.contains(says), "{refusal}");
    assert!(!refusal.contains("hunter2"), "{refusal}");
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
}

#[tokio::test]
async fn unreachable_database_error_does_not_show_the_password() {
    let home = TempDir::new().unwrap();
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [
        ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x"),
        ("PORTCULLIS_DATABASE_TIMEOUT", "1"),
        ("PORTCULLIS_SECRET", &secret),
    ];
    for arguments in [&["serve"][..], &["serve", "--no-migrate"]] {
        let refusal = fails(run(home.path(), &settings, arguments, ""));
        assert!(refusal.contains("refused"), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
        assert!(!refusal.contains("portcullis migrate"), "{refusal}");
    }
}

#[tokio::test]
async fn database_url_and_secret_are_read_from_files() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let secret = succeeds(run(home.path(), &[], &["secret"], ""));
    std::fs::write(home.path().join("url"), format!("{url}\n")).unwrap();
    std::fs::write(home.path().join("key"), secret).unwrap();
    let settings = [("DATABASE_URL_FILE", "url"), ("PORTCULLIS_SECRET_FILE", "key")];
    let server = ServerProcess::start(home.path(), &settings);
    assert!(server.banner.contains("PostgreSQL"), "{}", server.banner);
    assert!(
        server.banner.contains("fsync = off"),
        "the temporary cluster runs with fsync = off: {}",
        server.banner
    );
    server.anonymous.get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn postgresql_is_reached_over_a_unix_socket() {
    let home = TempDir::new().unwrap();
    let url = url::Url::parse(&Backend::Postgres.database(home.path()).await).unwrap();
    let client = connect(url.as_str()).await;
    let row =
        client.query_one("SELECT current_setting('unix_socket_directories')", &[]).await.unwrap();
    let folder: String = row.get(0);
    let folder = folder.split(',').next().unwrap().trim();
    let socket = format!(
        "postgres://{}@/{}?host={folder}&port={}",
        url.username(),
        url.path().trim_start_matches('/'),
        url.port().unwrap()
    );
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let server = ServerProcess::start(
        home.path(),
        &[("DATABASE_URL", &socket), ("PORTCULLIS_SECRET", &secret)],
    );
    server.anonymous.get("/health/ready").await.expect(200);
}

#[test]
fn serve_without_migrations_fails_and_names_the_migrate_command() {
    let home = TempDir::new().unwrap();
    let setting = [("PORTCULLIS_NO_MIGRATE", "true")];
    for (settings, arguments) in
        [(&[][..], &["serve", "--no-migrate"][..]), (&setting, &["serve"]), (&setting, &[])]
    {
        let refusal = fails(run(home.path(), settings, arguments, ""));
        assert!(refusal.contains("portcullis migrate"), "{refusal}");
    }
    assert!(succeeds(run(home.path(), &[], &["migrate"], "")).starts_with("Applied "));
    assert!(succeeds(run(home.path(), &[], &["migrate"], "")).contains("up to date"));
}

#[test]
fn openapi_command_prints_the_committed_document() {
    let home = TempDir::new().unwrap();
    let printed = succeeds(run(home.path(), &[], &["openapi"], ""));
    assert_eq!(printed, include_str!("../../../openapi/openapi.json"));
    assert!(!home.path().join("data").exists(), "the command needs no database");
}

#[rstest]
#[case("https://api.example.com", "__Host-portcullis")]
#[case("http://localhost:8080", "portcullis")]
fn openapi_command_names_the_cookie_of_the_public_url(#[case] url: &str, #[case] name: &str) {
    let home = TempDir::new().unwrap();
    let printed = succeeds(run(home.path(), &[("PORTCULLIS_PUBLIC_URL", url)], &["openapi"], ""));
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["components"]["securitySchemes"]["cookie"]["name"], name);
}

#[test]
fn help_and_version_are_printed() {
    let home = TempDir::new().unwrap();
    let help = succeeds(run(home.path(), &[], &["--help"], ""));
    for word in [
        "serve",
        "migrate",
        "backup",
        "openapi",
        "user",
        "token",
        "secret",
        "DATABASE_URL",
        "PORTCULLIS_LISTEN",
    ] {
        assert!(help.contains(word), "{word}");
    }
    assert!(
        succeeds(run(home.path(), &[], &["--version"], "")).contains(env!("CARGO_PKG_VERSION"))
    );
    assert!(fails(run(home.path(), &[], &["fly"], "")).contains("fly"));
}

#[rstest]
#[case::command(&["migrate", "--help"])]
#[case::subcommand(&["user", "create", "--help"])]
#[case::spelt_out(&["help", "token", "revoke"])]
#[case::short(&["backup", "-h"])]
fn command_help_refers_to_the_settings_without_listing_them(#[case] arguments: &[&str]) {
    let home = TempDir::new().unwrap();
    let help = succeeds(run(home.path(), &[], arguments, ""));
    assert!(help.contains("portcullis --help"), "{help}");
    assert!(!help.contains("[env: "), "{help}");
    assert!(help.lines().count() < 40, "{help}");
}

#[test]
fn serve_help_lists_the_settings_and_other_commands_accept_them() {
    let home = TempDir::new().unwrap();
    let help = succeeds(run(home.path(), &[], &["serve", "--help"], ""));
    for setting in ["PORTCULLIS_NO_MIGRATE", "PORTCULLIS_SMTP_URL", "DATABASE_URL"] {
        assert!(help.contains(setting), "{help}");
    }
    succeeds(run(home.path(), &[], &["user", "list", "--data-dir", "elsewhere"], ""));
    assert!(home.path().join("elsewhere/portcullis.db").exists());
    let empty = [("PORTCULLIS_SMTP_TIMEOUT", "")];
    succeeds(run(home.path(), &empty, &["user", "list"], ""));
}
