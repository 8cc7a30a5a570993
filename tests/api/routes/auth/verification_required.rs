//! `--email-verification required`: no user can sign in before their email is verified.
use super::*;

const REQUIRED: [&str; 2] = ["--email-verification", "required"];

/// Returns a response to a sign-up without ids and email, the only parts that may differ.
fn without_ids(reply: &Reply, email: &str) -> (u16, Vec<(String, String)>, String) {
    let user = reply.json()["user"].clone();
    let id = user["id"].as_str().unwrap();
    assert_eq!(id.len(), 36, "{id}");
    assert_eq!(user["email"], email);
    let (status, headers, _) = without_request_id(reply);
    (status, headers, reply.text.replace(id, "ID").replace(email, "EMAIL"))
}

async fn sign_up(server: &Server, name: &str, password: &str) -> Reply {
    server.anonymous.post(SIGN_UP, with_field(sign_up_body(name), "password", password)).await
}

/// Signs up a user who has verified their email.
pub async fn confirmed(server: &Server, name: &str) -> TestUser {
    let user = sign_up(server, name, PASSWORD).await.expect(200)["user"].clone();
    let email = user["email"].as_str().unwrap().to_owned();
    let link = server.last_mail_to(&email).await.secret();
    confirm_email(&server.anonymous, &link).await.expect(200);
    let signed_in = sign_in_with(server, &email, PASSWORD).await;
    let browser = server.anonymous.with_cookie(&signed_in.cookie().unwrap());
    let id = signed_in.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(user["id"], id.as_str(), "the one that was shown");
    TestUser { id, email, browser }
}

async fn rows(server: &Server, table: &str) -> usize {
    select(server, &format!("SELECT id AS value FROM {table}")).await.len()
}

#[apply(on_both_databases)]
async fn sign_up_with_invalid_field_is_rejected_for_new_and_taken_emails(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    confirmed(&server, "ada").await;
    for name in ["ada", "new"] {
        sign_up(&server, name, "short").await.assert_problem(400, "PASSWORD_TOO_SHORT");
        sign_up(&server, name, "iloveyou").await.assert_problem(400, "PASSWORD_TOO_COMMON");
        let body = with_field(sign_up_body(name), "callbackURL", "https://evil.example");
        server.anonymous.post(SIGN_UP, body).await.assert_problem(403, "INVALID_CALLBACK_URL");
        let body = with_field(sign_up_body(name), "role", "admin");
        server.anonymous.post(SIGN_UP, body).await.assert_problem(400, "FIELD_NOT_ALLOWED");
    }
    assert_eq!(rows(&server, "users").await, 1);
    assert_eq!(server.outbox().await.len(), 1);
}

#[apply(on_both_databases)]
async fn sign_up_prevents_enumeration_of_taken_emails(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    let admin = server.make_admin(confirmed(&server, "admin").await).await;
    confirmed(&server, "taken").await;
    sign_up(&server, "early", PASSWORD).await.expect(200);
    let locked = confirmed(&server, "cover").await;
    deactivate(&admin, &locked).await;
    let sessions = rows(&server, "sessions").await;

    let body = |email: &str| {
        json!({
            "name": "Somebody",
            "email": email,
            "password": NEW_PASSWORD,
            "image": "https://example.com/somebody.png",
            "callbackURL": "/welcome",
            "rememberMe": false,
        })
    };
    let first = server.anonymous.post(SIGN_UP, body("fresh@example.com")).await;
    assert_eq!(first.header("set-cookie"), None);
    let expected = without_ids(&first, "fresh@example.com");
    for email in ["taken@example.com", "early@example.com", "cover@example.com"] {
        for caller in [&server.anonymous, &admin.browser] {
            let reply = caller.post(SIGN_UP, body(&email.to_uppercase())).await;
            assert_eq!(without_ids(&reply, email), expected, "{email}");
            assert_eq!(reply.text.len(), first.text.len());
        }
    }
    let answer = first.expect(200);
    let now = server.now().to_string();
    let user = json!({
        "id": answer["user"]["id"],
        "name": "Somebody",
        "email": "fresh@example.com",
        "emailVerified": false,
        "image": "https://example.com/somebody.png",
        "role": "user",
        "createdAt": now,
        "updatedAt": now,
        "twoFactorEnabled": false,
    });
    assert_eq!(answer, json!({ "token": null, "user": user }));
    assert_eq!(rows(&server, "users").await, 5, "only one user was added");
    assert_eq!(rows(&server, "sessions").await, sessions, "no session is created");
    assert!(is_signed_in(&admin.browser).await, "no session is revoked");
}

#[apply(on_both_databases)]
async fn sign_up_with_taken_email_changes_nothing(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    let ada = confirmed(&server, "ada").await;
    let before = current_user(&ada.browser).await;
    server.advance(seconds(1));
    let eve = json!({
        "name": "eve", "email": ada.email, "password": NEW_PASSWORD, "image": "https://evil.example/",
    });
    server.anonymous.post(SIGN_UP, eve).await.expect(200);
    assert_eq!(current_user(&ada.browser).await, before);
    let reply = sign_in_with(&server, &ada.email, NEW_PASSWORD).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in_with(&server, &ada.email, PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_in_before_email_verification_is_forbidden(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    let user = sign_up(&server, "ada", PASSWORD).await.expect(200)["user"].clone();
    let email = "ada@example.com";
    let unknown = sign_in_with(&server, "unknown@example.com", "not the password").await;
    for wrong in ["not the password", ""] {
        let reply = sign_in_with(&server, email, wrong).await;
        assert_eq!(without_request_id(&reply), without_request_id(&unknown));
        reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    for _ in 0..2 {
        let reply = sign_in_with(&server, email, PASSWORD).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(403, "EMAIL_NOT_VERIFIED");
    }
    assert_eq!(rows(&server, "sessions").await, 0);

    let link = server.last_mail_to(email).await.secret();
    let reply = confirm_email(&server.anonymous, &link).await;
    assert_eq!(reply.header("set-cookie"), None, "no session is created");
    reply.expect(200);
    let answer = sign_in_with(&server, email, PASSWORD).await.expect(200);
    assert_eq!(answer["user"]["id"], user["id"]);
    assert_eq!(answer["user"]["emailVerified"], true);
}

#[apply(on_both_databases)]
async fn unverified_user_can_verify_with_a_new_link_or_password_reset(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    for name in ["ada", "grace"] {
        sign_up(&server, name, PASSWORD).await.expect(200);
    }
    server.wait_for_jobs().await;
    server.advance(seconds(60 * 60));
    let link = server.last_mail_to("ada@example.com").await.secret();
    confirm_email(&server.anonymous, &link).await.assert_problem(401, "TOKEN_EXPIRED");
    let body = json!({ "email": "ada@example.com", "callbackURL": "/welcome" });
    server.anonymous.post(SEND_VERIFICATION, body).await.expect(200);
    let link = server.last_mail_to("ada@example.com").await.link();
    assert!(location(&follow_link(&server.anonymous, &link).await).ends_with("/welcome"));
    sign_in_with(&server, "ada@example.com", PASSWORD).await.expect(200);

    // A password reset verifies the email as well.
    let link = reset_link(&server, "grace@example.com").await;
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    let answer = sign_in_with(&server, "grace@example.com", NEW_PASSWORD).await.expect(200);
    assert_eq!(answer["user"]["emailVerified"], true);
}

#[apply(on_both_databases)]
async fn sign_in_by_deactivated_unverified_user_reports_deactivation(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    let admin = server.make_admin(confirmed(&server, "admin").await).await;
    let id = sign_up(&server, "ada", PASSWORD).await.expect(200)["user"]["id"].clone();
    let path = format!("/api/admin/users/{}", id.as_str().unwrap());
    admin.browser.post(&format!("{path}/deactivate"), json!({})).await.expect(200);
    let email = "ada@example.com";
    sign_in_with(&server, email, PASSWORD).await.assert_problem(403, "USER_DEACTIVATED");
    let reply = sign_in_with(&server, email, "not the password").await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    admin.browser.post(&format!("{path}/reactivate"), json!({})).await.expect(200);
    sign_in_with(&server, email, PASSWORD).await.assert_problem(403, "EMAIL_NOT_VERIFIED");
}

#[apply(on_both_databases)]
async fn sign_up_with_taken_email_sends_its_owner_a_reset_link(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    let admin = server.make_admin(confirmed(&server, "admin").await).await;
    let ada = confirmed(&server, "ada").await;
    let before = server.mail_to(&ada.email).await.len();
    let body = with_field(sign_up_body("ada"), "callbackURL", "/welcome");
    server
        .anonymous
        .post(SIGN_UP, with_field(body, "name", "BUY NOW evil.example"))
        .await
        .expect(200);
    let mail = server.mail_to(&ada.email).await;
    assert_eq!(mail.len(), before + 1);
    let message = mail.last().unwrap();
    assert_eq!(message.subject, "You have an account at Portcullis");
    assert!(!message.text.contains("evil.example") && !message.html.contains("evil.example"));
    let link = message.link();
    assert_eq!(link.path(), "/reset-password");
    assert_eq!(link.query(), None);
    assert!(is_signed_in(&ada.browser).await, "the session is valid until the link is used");

    reset_password(&server, &message.secret(), NEW_PASSWORD).await.expect(200);
    assert!(!is_signed_in(&ada.browser).await);
    sign_in_with(&server, &ada.email, NEW_PASSWORD).await.expect(200);

    deactivate(&admin, &ada).await;
    let before = server.outbox().await.len();
    sign_up(&server, "ada", PASSWORD).await.expect(200);
    assert_eq!(server.outbox().await.len(), before, "a deactivated user gets no mail");
}

#[apply(on_both_databases)]
async fn unverified_password_and_link_stop_once_the_email_owner_resets(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    let theirs = "the password of the one who was first";
    let email = "ada@example.com";
    sign_up(&server, "ada", theirs).await.expect(200);
    server.wait_for_jobs().await;
    sign_up(&server, "ada", PASSWORD).await.expect(200);
    let mail = server.mail_to(email).await;
    let subjects: Vec<&str> = mail.iter().map(|message| message.subject.as_str()).collect();
    let expected = ["Confirm your email for Portcullis", "You have an account at Portcullis"];
    assert_eq!(subjects, expected);
    sign_in_with(&server, email, theirs).await.assert_problem(403, "EMAIL_NOT_VERIFIED");
    let reply = sign_in_with(&server, email, PASSWORD).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");

    reset_password(&server, &mail[1].secret(), NEW_PASSWORD).await.expect(200);
    for wrong in [theirs, PASSWORD] {
        let reply = sign_in_with(&server, email, wrong).await;
        reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    let answer = sign_in_with(&server, email, NEW_PASSWORD).await.expect(200);
    assert_eq!(answer["user"]["emailVerified"], true);
    // Nor is the link of the first sign-up still valid.
    confirm_email(&server.anonymous, &mail[0].secret()).await.assert_problem(401, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn concurrent_sign_ups_with_the_same_email_get_identical_responses(backend: Backend) {
    let server = backend.start_with_slow_hashing(&REQUIRED).await;
    for round in 0..rounds(6) {
        let name = format!("twin{round}");
        let email = format!("{name}@example.com");
        let passwords = ["the choice of the one", "the choice of the other"];
        let (one, other) = tokio::join!(
            sign_up(&server, &name, passwords[0]),
            sign_up(&server, &name, passwords[1]),
        );
        assert_eq!(without_ids(&one, &email), without_ids(&other, &email));
        one.expect(200);
        let mut subjects: Vec<String> =
            server.mail_to(&email).await.into_iter().map(|message| message.subject).collect();
        subjects.sort();
        let expected = ["Confirm your email for Portcullis", "You have an account at Portcullis"];
        assert_eq!(subjects, expected);
        let sql = format!("SELECT id AS value FROM users WHERE email = '{email}'");
        assert_eq!(select(&server, &sql).await.len(), 1);
        server.clear_outbox().await;
    }
}

#[apply(on_both_databases)]
async fn invited_user_verifies_the_email_by_setting_a_password(backend: Backend) {
    let server = backend.start_with(&REQUIRED).await;
    let admin = server.make_admin(confirmed(&server, "admin").await).await;
    let body = json!({ "name": "grace", "email": "grace@example.com" });
    admin.browser.post("/api/admin/users", body).await.expect(201);
    let link = server.last_mail_to("grace@example.com").await.secret();
    // A sign-up with the email of an invitation changes nothing.
    sign_up(&server, "grace", "the password of somebody else").await.expect(200);
    let message = server.last_mail_to("grace@example.com").await;
    assert_eq!(message.subject, "You have an account at Portcullis");
    // Nor does it end the invitation early.
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    reset_password(&server, &message.secret(), NEW_PASSWORD)
        .await
        .assert_problem(400, "INVALID_TOKEN");
    sign_in_with(&server, "grace@example.com", NEW_PASSWORD).await.expect(200);
}
