use portcullis::time::days;

use super::*;

/// Returns the body of a change, with or without the revocation of the other sessions.
fn change(revoke_others: Option<bool>) -> Value {
    let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    match revoke_others {
        Some(revoke) => with_field(body, "revokeOtherSessions", revoke),
        None => body,
    }
}

/// Asserts that the old password is still valid, and that no mail says otherwise.
async fn is_unchanged(server: &Server, person: &TestUser) {
    sign_in_with(server, &person.email, NEW_PASSWORD)
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in_with(server, &person.email, PASSWORD).await.expect(200);
    let mail = server.mail_to(&person.email).await;
    assert!(mail.iter().all(|message| !message.subject.contains("password")), "{mail:?}");
}

#[apply(on_both_databases)]
async fn change_password_rejects_anonymous_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    assert_cookie_required(&server, &ada, CHANGE_PASSWORD, change(None)).await;
    assert!(is_signed_in(&ada.browser).await);
    is_unchanged(&server, &ada).await;
}

#[apply(on_both_databases)]
async fn change_password_with_invalid_field_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let unfit = [
        ("currentPassword", json!(1)),
        ("currentPassword", Value::Null),
        ("newPassword", json!([NEW_PASSWORD])),
        ("newPassword", Value::Null),
        ("revokeOtherSessions", json!("false")),
        ("revokeOtherSessions", json!(0)),
        ("revokeOtherSessions", Value::Null),
    ];
    assert_fields_rejected(&ada.browser, CHANGE_PASSWORD, &change(None), &unfit).await;
    let fields = ["currentPassword", "newPassword"];
    assert_fields_required(&ada.browser, CHANGE_PASSWORD, &change(None), &fields).await;
    assert!(is_signed_in(&ada.browser).await);
    is_unchanged(&server, &ada).await;
}

#[apply(on_both_databases)]
async fn change_password_to_short_long_common_or_obvious_one_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for (new, code) in [
        ("", "PASSWORD_TOO_SHORT"),
        ("🦀🦀🦀🦀🦀🦀🦀", "PASSWORD_TOO_SHORT"),
        (&"x".repeat(129), "PASSWORD_TOO_LONG"),
        ("iloveyou", "PASSWORD_TOO_COMMON"),
        ("PassWord1", "PASSWORD_TOO_COMMON"),
        ("Portcullis-Ada", "PASSWORD_TOO_OBVIOUS"),
        ("ADA@EXAMPLE.COM", "PASSWORD_TOO_OBVIOUS"),
    ] {
        let reply = change_password(&ada.browser, PASSWORD, new).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(400, code);
    }
    assert!(is_signed_in(&ada.browser).await);
    is_unchanged(&server, &ada).await;
}

#[apply(on_both_databases)]
async fn change_password_with_wrong_current_password_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let grace = with_field(sign_up_body("grace"), "password", "the password of another user");
    server.anonymous.post(SIGN_UP, grace).await.expect(200);
    let link = reset_link(&server, &ada.email).await;
    for wrong in
        ["", "not the password", NEW_PASSWORD, "the password of another user", &"x".repeat(60_000)]
    {
        let reply = change_password(&ada.browser, wrong, NEW_PASSWORD).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(400, "INVALID_PASSWORD");
    }
    assert!(is_signed_in(&ada.browser).await && is_signed_in(&phone).await);
    sign_in_with(&server, &ada.email, PASSWORD).await.expect(200);
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn change_password_of_user_without_password_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let sql = format!("UPDATE accounts SET password_hash = NULL WHERE user_id = '{}'", ada.id);
    execute(&server, &sql).await;
    for current in [PASSWORD, ""] {
        let reply = change_password(&ada.browser, current, NEW_PASSWORD).await;
        reply.assert_problem(400, "CREDENTIAL_ACCOUNT_NOT_FOUND");
    }
    reset_password(&server, &reset_link(&server, &ada.email).await, NEW_PASSWORD).await.expect(200);
    sign_in_with(&server, &ada.email, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn change_password_revokes_all_sessions_and_starts_a_new_one(backend: Backend) {
    let server = backend.start().await;
    let bystander = server.sign_up("grace").await;
    for (name, revoke_others) in [("ada", None), ("eva", Some(true))] {
        let person = server.sign_up(name).await;
        let others =
            [server.sign_in(&person).await, sign_in_without_remember_me(&server, &person).await];
        let before = person.browser.get(ME).await.expect(200);
        server.advance(days(1));
        let reply = person.browser.post(CHANGE_PASSWORD, change(revoke_others)).await;
        assert_eq!(
            cookie_attributes(&reply),
            ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"]
        );
        let cookie = reply.cookie().unwrap();
        assert_secret_not_disclosed(&reply, &cookie);
        assert_ne!(secret_of(&cookie), secret_of(person.browser.cookie.as_ref().unwrap()));
        let answer = reply.expect(200);
        assert!(!is_signed_in(&person.browser).await, "the old cookie is rejected");
        for other in &others {
            assert!(!is_signed_in(other).await);
        }

        let browser = server.anonymous.with_cookie(&cookie);
        let me = browser.get(ME).await.expect(200);
        assert_eq!(answer, json!({ "token": me["session"]["id"], "user": me["user"] }));
        assert_eq!(me["user"], before["user"]);
        assert_ne!(me["session"]["id"], before["session"]["id"]);
        assert_eq!(me["session"]["createdAt"], server.now().to_string());
        assert_eq!(me["session"]["expiresAt"], (server.now() + days(7)).to_string());
        assert_eq!(browser.get(LIST_SESSIONS).await.expect(200).as_array().unwrap().len(), 1);
        create_token(&browser).await.expect(201);

        sign_in_with(&server, &person.email, PASSWORD)
            .await
            .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
        sign_in_with(&server, &person.email, NEW_PASSWORD).await.expect(200);
    }
    assert!(is_signed_in(&bystander.browser).await, "the sessions of other users stay valid");
    sign_in_with(&server, &bystander.email, PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn change_password_can_keep_other_sessions_and_makes_this_one_fresh(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let before = ada.browser.get(ME).await.expect(200)["session"].clone();
    server.advance(days(1));
    create_token(&ada.browser).await.assert_problem(403, "SESSION_NOT_FRESH");
    let reply = ada.browser.post(CHANGE_PASSWORD, change(Some(false))).await;
    let laptop = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let answer = reply.expect(200);
    assert_eq!(answer, json!({ "token": null, "user": current_user(&laptop).await }));
    assert!(!is_signed_in(&ada.browser).await, "the session continues with another cookie");

    let session = laptop.get(ME).await.expect(200)["session"].clone();
    assert_eq!(session["authenticatedAt"], server.now().to_string());
    for stays in ["id", "createdAt"] {
        assert_eq!(session[stays], before[stays]);
    }
    assert_eq!(
        session["expiresAt"],
        (server.now() + days(7)).to_string(),
        "the change counts as a use"
    );
    create_token(&laptop).await.expect(201);
    assert!(is_signed_in(&phone).await);
    create_token(&phone).await.assert_problem(403, "SESSION_NOT_FRESH");
    sign_in_with(&server, &ada.email, PASSWORD)
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in_with(&server, &ada.email, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn change_password_without_remember_me_starts_a_one_day_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let browser = sign_in_without_remember_me(&server, &ada).await;
    server.advance(seconds(60 * 60));
    let reply = change_password(&browser, PASSWORD, NEW_PASSWORD).await;
    assert_eq!(cookie_attributes(&reply), ["HttpOnly", "Path=/", "SameSite=Lax"]);
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let session = browser.get(ME).await.expect(200)["session"].clone();
    assert_eq!(session["expiresAt"], (server.now() + days(1)).to_string());
    advance_to_just_before(&server, days(1));
    assert_eq!(
        browser.get(GET_SESSION).await.header("set-cookie"),
        None,
        "the session is not extended either"
    );
    server.advance(seconds(1));
    assert!(!is_signed_in(&browser).await);
}

#[apply(on_both_databases)]
async fn change_password_revokes_links_mailed_earlier(backend: Backend) {
    let server = backend.start().await;
    for (name, revoke_others) in [("ada", true), ("eva", false)] {
        let person = server.sign_up(name).await;
        let verify = server.last_mail_to(&person.email).await.secret();
        let reset = reset_link(&server, &person.email).await;
        let delete = deletion_link(&server, &person).await;
        let move_to = format!("new-{name}@example.com");
        let moving = change_email_link(&server, &person.browser, &move_to).await;
        let reply = person.browser.post(CHANGE_PASSWORD, change(Some(revoke_others))).await;
        let cookie = reply.cookie().or(person.browser.cookie).unwrap();
        reply.expect(200);

        reset_password(&server, &reset, "another choice entirely")
            .await
            .assert_problem(400, "INVALID_TOKEN");
        let page = server.anonymous.get(&format!("{RESET_PASSWORD}/{reset}?callbackURL=/")).await;
        assert!(location(&page).ends_with("/?error=INVALID_TOKEN"));
        confirm_email(&server.anonymous, &verify).await.assert_problem(401, "INVALID_TOKEN");
        confirm_email(&server.anonymous, &moving).await.assert_problem(401, "INVALID_TOKEN");
        let browser = server.anonymous.with_cookie(&cookie);
        let leave = json!({ "token": delete });
        browser.post(DELETE_USER, leave).await.assert_problem(404, "INVALID_TOKEN");
        let user = current_user(&browser).await;
        assert_eq!(user["email"], person.email.as_str());
        assert_eq!(user["emailVerified"], false);
        sign_in_with(&server, &person.email, NEW_PASSWORD).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn change_password_keeps_own_api_tokens_and_links_of_other_users(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let link = reset_link(&server, &grace.email).await;
    let script = ada.token(&["read"]).await;
    change_password(&ada.browser, PASSWORD, NEW_PASSWORD).await.expect(200);
    assert!(is_signed_in(&script).await, "tokens stay valid");
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn change_password_notifies_the_user_by_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for (current, new, revoke_others) in
        [(PASSWORD, NEW_PASSWORD, true), (NEW_PASSWORD, PASSWORD, false)]
    {
        let before = server.mail_to(&ada.email).await.len();
        let browser = sign_in_with(&server, &ada.email, current).await.cookie().unwrap();
        let body = json!({
            "currentPassword": current, "newPassword": new, "revokeOtherSessions": revoke_others,
        });
        server.anonymous.with_cookie(&browser).post(CHANGE_PASSWORD, body).await.expect(200);
        let mail = server.mail_to(&ada.email).await;
        assert_eq!(mail.len(), before + 1);
        let message = mail.last().unwrap();
        assert_eq!(message.subject, "Your password for Portcullis was changed");
        for text in [&message.text, &message.html] {
            assert!(!text.contains(current) && !text.contains(new), "{text}");
        }
        assert_eq!(message.link().path(), "/suspend-access");
    }
    assert_eq!(server.outbox().await.len(), 3, "only the user is notified");
}

#[apply(on_both_databases)]
async fn concurrent_password_changes_succeed_once(backend: Backend) {
    let server = backend.start().await;
    for (round, revoke_others) in [true, false, true, false, true, false].into_iter().enumerate() {
        let ada = server.sign_up(&format!("ada{round}")).await;
        // In two browsers, and then in one.
        let phone = if round < 4 { server.sign_in(&ada).await } else { ada.browser.clone() };
        let passwords = ["the choice of the one", "the choice of the other"];
        let [first, second] = passwords.map(|new| {
            json!({
                "currentPassword": PASSWORD,
                "newPassword": new,
                "revokeOtherSessions": revoke_others,
            })
        });
        let (one, other) = tokio::join!(
            ada.browser.post(CHANGE_PASSWORD, first),
            phone.post(CHANGE_PASSWORD, second),
        );
        let ([won, lost], [kept, dropped]) = if one.status == 200 {
            ([one, other], passwords)
        } else {
            ([other, one], [passwords[1], passwords[0]])
        };
        assert!(won.cookie().is_some());
        won.expect(200);
        assert_eq!(lost.header("set-cookie"), None);
        if revoke_others && lost.status == 401 {
            lost.assert_problem(401, "UNAUTHORIZED");
        } else {
            lost.assert_problem(400, "INVALID_PASSWORD");
        }
        for wrong in [PASSWORD, dropped] {
            let reply = sign_in_with(&server, &ada.email, wrong).await;
            reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
        }
        sign_in_with(&server, &ada.email, kept).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn concurrent_password_change_and_reset_succeed_once(backend: Backend) {
    let server = backend.start().await;
    for round in 0..6 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let link = reset_link(&server, &ada.email).await;
        let (changed, reset) = tokio::join!(
            change_password(&ada.browser, PASSWORD, "the choice by change"),
            reset_password(&server, &link, "the choice by reset"),
        );
        let (kept, dropped) = if changed.status == 200 {
            reset.assert_problem(400, "INVALID_TOKEN");
            ("the choice by change", "the choice by reset")
        } else {
            reset.expect(200);
            assert!([400, 401].contains(&changed.status.as_u16()), "{}", changed.text);
            ("the choice by reset", "the choice by change")
        };
        sign_in_with(&server, &ada.email, kept).await.expect(200);
        for wrong in [PASSWORD, dropped] {
            let reply = sign_in_with(&server, &ada.email, wrong).await;
            reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
        }
    }
}

#[apply(on_both_databases)]
async fn concurrent_sign_in_with_old_password_does_not_survive_password_change(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    for round in 0..rounds(6) {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let (changed, one, other) = tokio::join!(
            change_password(&ada.browser, PASSWORD, NEW_PASSWORD),
            sign_in_with(&server, &ada.email, PASSWORD),
            sign_in_with(&server, &ada.email, PASSWORD),
        );
        let kept = changed.cookie().unwrap();
        changed.expect(200);
        for reply in [one, other] {
            match reply.cookie() {
                Some(cookie) => {
                    assert!(!is_signed_in(&server.anonymous.with_cookie(&cookie)).await);
                }
                None => drop(reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD")),
            }
        }
        let sessions = server.anonymous.with_cookie(&kept).get(LIST_SESSIONS).await.expect(200);
        assert_eq!(sessions.as_array().unwrap().len(), 1);
    }
}

#[apply(on_both_databases)]
async fn change_password_by_deactivated_user_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    deactivate(&admin, &ada).await;
    let reply = change_password(&ada.browser, PASSWORD, NEW_PASSWORD).await;
    assert_eq!(reply.header("set-cookie"), None);
    reply.assert_problem(401, "UNAUTHORIZED");
    reactivate(&admin, &ada).await;
    assert!(is_signed_in(&ada.browser).await);
    is_unchanged(&server, &ada).await;
}

#[apply(on_both_databases)]
async fn concurrent_deactivation_and_password_change_leave_no_valid_session(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    let admin = server.sign_up_admin("admin").await;
    for round in 0..rounds(6) {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let (changed, ()) = tokio::join!(
            change_password(&ada.browser, PASSWORD, NEW_PASSWORD),
            deactivate(&admin, &ada),
        );
        let password = if changed.status == 200 { NEW_PASSWORD } else { PASSWORD };
        if let Some(cookie) = changed.cookie() {
            assert!(!is_signed_in(&server.anonymous.with_cookie(&cookie)).await);
            changed.expect(200);
        } else {
            changed.assert_problem(401, "UNAUTHORIZED");
        }
        assert!(!is_signed_in(&ada.browser).await);
        sign_in_with(&server, &ada.email, password).await.assert_problem(403, "USER_DEACTIVATED");
        let user = get_user_as_admin(&admin, &ada.id).await;
        assert_ne!(user["deactivatedAt"], Value::Null, "{user}");
        reactivate(&admin, &ada).await;
        sign_in_with(&server, &ada.email, password).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn concurrent_sign_in_that_rehashes_does_not_prevent_password_change(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    for round in 0..4 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        set_password_hash(&server, &ada, &sign_in::weak_hash()).await;
        let (changed, _) = tokio::join!(
            change_password(&ada.browser, PASSWORD, NEW_PASSWORD),
            sign_in_with(&server, &ada.email, PASSWORD),
        );
        changed.expect(200);
        sign_in_with(&server, &ada.email, NEW_PASSWORD).await.expect(200);
        let reply = sign_in_with(&server, &ada.email, PASSWORD).await;
        reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    }
}
