//! /api/admin/users

use portcullis::{
    store::{
        activity::{Action, Event},
        user_administration, users,
    },
    time::{days, seconds},
};

use super::*;

#[apply(on_both_databases)]
async fn list_create_or_update_users_by_non_admin_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let script = ada.token(&["read", "write"]).await;
    let new = json!({ "name": "x", "email": "x@example.com", "role": "admin" });
    for path in [USERS.to_owned(), user_path(&grace), user_path(&ada)] {
        server.anonymous.get(&path).await.assert_problem(401, "UNAUTHORIZED");
        ada.browser.get(&path).await.assert_problem(403, "admin_required");
        let reply = script.get(&path).await;
        let challenge = r#"Bearer error="insufficient_scope", scope="read admin""#;
        assert_eq!(reply.header("www-authenticate"), Some(challenge));
        reply.assert_problem(403, "insufficient_scope");
    }
    for path in [user_path(&grace), user_path(&ada)] {
        let promotion = json!({ "role": "admin" });
        server.anonymous.patch(&path, promotion.clone()).await.assert_problem(401, "UNAUTHORIZED");
        ada.browser.patch(&path, promotion.clone()).await.assert_problem(403, "admin_required");
        script.patch(&path, promotion).await.assert_problem(403, "admin_required");
    }
    server.anonymous.post(USERS, new.clone()).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.post(USERS, new.clone()).await.assert_problem(403, "admin_required");
    script.post(USERS, new).await.assert_problem(403, "admin_required");
    assert_eq!(ada.browser.get("/api/me").await.expect(200)["user"]["role"], "user");
    assert_eq!(count(&server, "users").await, "2");
}

#[apply(on_both_databases)]
async fn create_or_update_user_with_admin_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let script = admin.token(&["read", "write", "admin"]).await;
    let new = json!({ "name": "x", "email": "x@example.com" });
    script.post(USERS, new).await.assert_problem(403, "cookie_required");
    script
        .patch(&user_path(&ada), json!({ "role": "admin" }))
        .await
        .assert_problem(403, "cookie_required");
    assert_eq!(script.get(&user_path(&ada)).await.expect(200)["role"], "user");
    assert_eq!(count(&server, "users").await, "2");
}

#[apply(on_both_databases)]
async fn create_or_update_user_with_stale_session_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    server.advance(days(1));
    let new = json!({ "name": "x", "email": "x@example.com" });
    admin.browser.post(USERS, new).await.assert_problem(403, "SESSION_NOT_FRESH");
    let reply = admin.browser.patch(&user_path(&ada), json!({ "name": "x" })).await;
    reply.assert_problem(403, "SESSION_NOT_FRESH");
    admin.browser.get(USERS).await.expect(200);
    assert_eq!(admin.browser.get(&user_path(&ada)).await.expect(200)["name"], "ada");
}

#[apply(on_both_databases)]
async fn list_users_with_invalid_query_is_bad_request(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let long = format!("search={}", "a".repeat(101));
    let more = ["role=owner", "role=", "state=gone", "search=", "search=%00", "q=x", &long];
    for query in BAD_PAGES.iter().chain(&more) {
        let reply = admin.browser.get(&format!("{USERS}?{query}")).await;
        reply.assert_problem(400, "invalid_query");
    }
}

#[apply(on_both_databases)]
async fn show_or_update_user_with_unknown_or_malformed_id_is_not_found(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let before = events(&admin.browser).await;
    for id in unknown_ids() {
        let path = format!("{USERS}/{id}");
        admin.browser.get(&path).await.assert_problem(404, "not_found");
        admin.browser.patch(&path, json!({ "name": "x" })).await.assert_problem(404, "not_found");
        admin
            .browser
            .patch(&path, json!({ "role": "user" }))
            .await
            .assert_problem(404, "not_found");
    }
    assert_eq!(events(&admin.browser).await, before);
}

#[apply(on_both_databases)]
async fn list_users_with_a_single_admin_shows_that_admin(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let list = admin.browser.get(USERS).await.expect(200);
    assert_eq!(
        list,
        json!({
            "items": [{
                "id": admin.id,
                "name": "admin",
                "email": "admin@example.com",
                "emailVerified": false,
                "image": null,
                "role": "admin",
                "deactivatedAt": null,
                "suspendedAt": null,
                "createdAt": server.now().to_string(),
                "updatedAt": server.now().to_string(),
                "twoFactorEnabled": false,
            }],
            "previousCursor": null,
            "nextCursor": null,
        })
    );
    assert_eq!(admin.browser.get(&user_path(&admin)).await.expect(200), list["items"][0]);
    let reader = admin.token(&["read", "admin"]).await;
    assert_eq!(reader.get(USERS).await.expect(200), list);
    assert_eq!(reader.get(&user_path(&admin)).await.expect(200), list["items"][0]);
}

#[apply(on_both_databases)]
async fn list_users_filters_by_role_and_state(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    server.sign_up("grace").await;
    let gone = server.sign_up_admin("gone").await;
    for person in [&ada, &gone] {
        admin
            .browser
            .post(&format!("{}/deactivate", user_path(person)), json!({}))
            .await
            .expect(200);
    }
    for (query, found) in [
        ("", &["gone", "grace", "ada", "admin"] as &[_]),
        ("role=user", &["grace", "ada"]),
        ("role=admin", &["gone", "admin"]),
        ("state=active", &["grace", "admin"]),
        ("state=deactivated", &["gone", "ada"]),
        ("role=admin&state=active", &["admin"]),
        ("role=user&state=deactivated&search=ADA", &["ada"]),
        ("role=user&state=active&search=ada", &[]),
    ] {
        let list = admin.browser.get(&format!("{USERS}?{query}")).await.expect(200);
        assert_eq!(each(list["items"].as_array().unwrap(), "name"), found, "{query}");
    }
}

#[apply(on_both_databases)]
async fn list_users_pagination_shows_each_user_once_newest_first(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    for name in ["1", "2", "3", "4", "5"] {
        create_user(&admin.browser, name, &format!("u{name}@example.com")).await;
    }
    let names = async |query: &str| {
        let pages = pages(&admin.browser, &format!("{USERS}?{query}")).await;
        pages.iter().map(|page| each(page, "name")).collect::<Vec<_>>()
    };
    assert_eq!(names("limit=2").await, [["5", "4"], ["3", "2"], ["1", "admin"]]);
    assert_eq!(names("limit=2&role=user").await, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
}

#[apply(on_both_databases)]
async fn create_user_with_invalid_field_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let good = json!({ "name": "x", "email": "x@example.com" });
    let long = format!("{}@example.com", "a".repeat(250));
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("a".repeat(101))),
        ("name", json!("a nul \0")),
        ("name", json!(7)),
        ("email", json!("")),
        ("email", json!("x")),
        ("email", json!("x@")),
        ("email", json!("x@example.com,y@example.com")),
        ("email", json!("x@y@example.com")),
        ("email", json!("x@example.com\n")),
        ("email", json!(" x@example.com")),
        ("email", json!("x\0@example.com")),
        ("email", json!("ünï@example.com")),
        ("email", json!("x@exämple.com")),
        ("email", json!(long)),
        ("email", json!(null)),
        ("role", json!("owner")),
        ("role", json!("Admin")),
        ("password", json!(PASSWORD)),
        ("id", json!(admin.id)),
        ("emailVerified", json!(true)),
        ("deactivatedAt", json!(null)),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let reply = admin.browser.post(USERS, body.clone()).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    admin.browser.post(USERS, json!({})).await.assert_problem(422, "validation_failed");
    assert_eq!(count(&server, "users").await, "1");
}

#[apply(on_both_databases)]
async fn create_user_with_taken_email_in_any_case_is_conflict(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    server.sign_up("ada").await;
    let before = events(&admin.browser).await;
    for email in ["ada@example.com", "ADA@example.com", "Ada@Example.COM"] {
        let reply = admin.browser.post(USERS, json!({ "name": "x", "email": email })).await;
        reply.assert_problem(409, "email_taken");
    }
    assert_eq!(events(&admin.browser).await, before);
    assert_eq!(count(&server, "users").await, "2");
    assert_eq!(
        server.mail_to("ada@example.com").await.len(),
        1,
        "only the mail of her own sign-up"
    );
}

#[apply(on_both_databases)]
async fn concurrent_create_user_with_the_same_email_succeeds_once(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    for round in 0..rounds(10) {
        let new =
            |name: &str| json!({ "name": "x", "email": format!("{name}{round}@example.com") });
        let (one, other) =
            tokio::join!(admin.browser.post(USERS, new("x")), admin.browser.post(USERS, new("X")));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
}

#[apply(on_both_databases)]
async fn invited_user_sets_a_password_with_the_mailed_link_once(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let body = json!({ "name": "Grace", "email": "Grace@Example.com" });
    let reply = admin.browser.post(USERS, body).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("set-cookie"), None);
    let location = reply.header("location").unwrap().to_owned();
    let created = reply.expect(201);
    assert_eq!(created["email"], "grace@example.com");
    assert_eq!(created["role"], "user");
    assert_eq!(
        admin.browser.get(&location).await.expect(200),
        created,
        "the user without the link"
    );

    let mail = server.last_mail_to("grace@example.com").await;
    let url = mail.link();
    let port = server.anonymous.base.rsplit(':').next().unwrap();
    assert!(
        url.as_str().starts_with(&format!("http://localhost:{port}/reset-password#token=")),
        "the configured origin, and the secret in the fragment: {url}"
    );
    let sign_in = json!({ "email": "grace@example.com", "password": PASSWORD });
    let early = server.anonymous.post("/api/auth/sign-in/email", sign_in.clone()).await;
    early.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    let choice = json!({ "newPassword": PASSWORD, "token": mail.secret() });
    server.anonymous.post("/api/auth/reset-password", choice.clone()).await.expect(200);
    server.anonymous.post("/api/auth/sign-in/email", sign_in).await.expect(200);
    let again = server.anonymous.post("/api/auth/reset-password", choice).await;
    again.assert_problem(400, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn invitation_link_expires_after_three_days(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    create_user(&admin.browser, "late", "late@example.com").await;
    create_user(&admin.browser, "timely", "timely@example.com").await;
    let late = server.last_mail_to("late@example.com").await;
    let timely = server.last_mail_to("timely@example.com").await;
    let choice = |mail: &Email| json!({ "newPassword": PASSWORD, "token": mail.secret() });
    server.clock.set(server.now() + days(3) - seconds(1));
    server.anonymous.post("/api/auth/reset-password", choice(&timely)).await.expect(200);
    server.advance(seconds(1));
    let reply = server.anonymous.post("/api/auth/reset-password", choice(&late)).await;
    reply.assert_problem(400, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn create_user_with_admin_role_creates_an_admin(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let body = json!({ "name": "Grace", "email": "grace@example.com", "role": "admin" });
    let created = admin.browser.post(USERS, body).await.expect(201);
    assert_eq!(created["role"], "admin");
    let event = events(&admin.browser).await.remove(0);
    assert_eq!(event["action"], "user-created");
    assert_eq!(event["actorId"], admin.id.as_str());
    assert_eq!(event["subjectId"], created["id"]);
    assert_eq!(event["detail"], json!({ "role": "admin" }));
}

#[apply(on_both_databases)]
async fn update_user_with_invalid_field_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let before = admin.browser.get(&user_path(&ada)).await.expect(200);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("a".repeat(101))),
        ("name", json!("two\nlines")),
        ("name", json!(7)),
        ("role", json!("owner")),
        ("role", json!("ADMIN")),
        ("email", json!("other@example.com")),
        ("emailVerified", json!(true)),
        ("password", json!(PASSWORD)),
        ("deactivatedAt", json!(null)),
        ("id", json!(admin.id)),
    ] {
        let body = json!({ field: value });
        let reply = admin.browser.patch(&user_path(&ada), body.clone()).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    assert_eq!(admin.browser.get(&user_path(&ada)).await.expect(200), before);
}

#[apply(on_both_databases)]
async fn update_user_leaves_omitted_fields_unchanged(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let mut expected = admin.browser.get(&user_path(&ada)).await.expect(200);
    server.advance(seconds(1));
    expected["updatedAt"] = json!(server.now().to_string());
    for (body, field, detail) in [
        (json!({}), None, json!({ "before": {}, "after": {} })),
        (
            json!({ "name": "Countess" }),
            Some(("name", "Countess")),
            json!({ "before": { "name": "ada" }, "after": { "name": "Countess" } }),
        ),
        (
            json!({ "role": "admin" }),
            Some(("role", "admin")),
            json!({ "before": { "role": "user" }, "after": { "role": "admin" } }),
        ),
    ] {
        if let Some((field, value)) = field {
            expected[field] = json!(value);
        }
        assert_eq!(admin.browser.patch(&user_path(&ada), body).await.expect(200), expected);
        assert_eq!(admin.browser.get(&user_path(&ada)).await.expect(200), expected);
        let event = events(&admin.browser).await.remove(0);
        assert_eq!(event["action"], "user-updated");
        assert_eq!(event["actorId"], admin.id.as_str());
        assert_eq!(event["subjectId"], ada.id.as_str());
        assert_eq!(event["detail"], detail);
    }
}

#[apply(on_both_databases)]
async fn promotion_to_admin_revokes_sessions_but_not_tokens(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    admin
        .browser
        .patch(&user_path(&ada), json!({ "name": "Ada", "role": "user" }))
        .await
        .expect(200);
    ada.browser.get("/api/me").await.expect(200);
    admin.browser.patch(&user_path(&ada), json!({ "role": "admin" })).await.expect(200);
    ada.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    let browser = server.sign_in(&ada).await;
    admin.browser.patch(&user_path(&ada), json!({ "role": "admin" })).await.expect(200);
    browser.get(USERS).await.expect(200);
    script.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn role_change_takes_effect_on_the_next_request(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mut ada = server.sign_up("ada").await;
    ada.browser.get(USERS).await.assert_problem(403, "admin_required");
    for _ in 0..2 {
        admin.browser.patch(&user_path(&ada), json!({ "role": "admin" })).await.expect(200);
        ada.browser.get(USERS).await.assert_problem(401, "UNAUTHORIZED");
        ada.browser = server.sign_in(&ada).await;
        ada.browser.get(USERS).await.expect(200);
        ada.browser.patch(&user_path(&ada), json!({ "name": "Ada" })).await.expect(200);
        let me = ada.browser.get("/api/me").await.expect(200);
        assert_eq!(me["scopes"], json!(["read", "write", "admin"]));
        let script = ada.token(&["read", "admin"]).await;
        script.get(USERS).await.expect(200);

        admin.browser.patch(&user_path(&ada), json!({ "role": "user" })).await.expect(200);
        ada.browser.get(USERS).await.assert_problem(403, "admin_required");
        let promotion = ada.browser.patch(&user_path(&ada), json!({ "role": "admin" })).await;
        promotion.assert_problem(403, "admin_required");
        script.get(USERS).await.assert_problem(403, "admin_required");
        let me = ada.browser.get("/api/me").await.expect(200);
        assert_eq!(me["user"]["role"], "user");
        assert_eq!(me["scopes"], json!(["read", "write"]));
    }
}

#[apply(on_both_databases)]
async fn last_active_admin_cannot_be_demoted_or_deactivated(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let gone = server.sign_up_admin("gone").await;
    let deactivate = |person: &TestUser| format!("{}/deactivate", user_path(person));
    admin.browser.post(&deactivate(&gone), json!({})).await.expect(200);
    let before = events(&admin.browser).await;

    let demotion = json!({ "name": "nobody", "role": "user" });
    admin.browser.patch(&user_path(&admin), demotion).await.assert_problem(409, "last_admin");
    let all = json!({ "revokeCredentials": true });
    for body in [json!({}), all] {
        admin.browser.post(&deactivate(&admin), body).await.assert_problem(409, "last_admin");
    }
    let script = admin.token(&["write", "admin"]).await;
    script.post(&deactivate(&admin), json!({})).await.assert_problem(409, "last_admin");
    assert_eq!(events(&admin.browser).await, before, "rejected requests leave no event");
    let me = admin.browser.get("/api/me").await.expect(200);
    assert_eq!(me["user"]["name"], "admin");
    assert_eq!(me["user"]["role"], "admin");

    admin.browser.patch(&user_path(&admin), json!({ "role": "admin" })).await.expect(200);
    admin.browser.patch(&user_path(&gone), json!({ "role": "user" })).await.expect(200);
}

#[apply(on_both_databases)]
async fn admin_can_demote_themselves_while_another_admin_remains(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up_admin("ada").await;
    let grace = server.sign_up_admin("grace").await;
    ada.browser.patch(&user_path(&ada), json!({ "role": "user" })).await.expect(200);
    ada.browser.get(USERS).await.assert_problem(403, "admin_required");
    grace
        .browser
        .patch(&user_path(&grace), json!({ "role": "user" }))
        .await
        .assert_problem(409, "last_admin");
}

#[apply(on_both_databases)]
async fn concurrent_demotions_of_two_admins_leave_one_admin(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up_admin("ada").await;
    let mut grace = server.sign_up_admin("grace").await;
    let (at_ada, at_grace) = (user_path(&ada), user_path(&grace));
    for round in 0..rounds(50) {
        let demotion = || json!({ "role": "user" });
        let (one, other) = tokio::join!(
            ada.browser.patch(&at_grace, demotion()),
            grace.browser.patch(&at_ada, demotion())
        );
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "round {round}: {one:?} {other:?}");
        assert!([403, 409].contains(&statuses[1]), "round {round}: {one:?} {other:?}");
        assert!(users::any_active_admin(&server.state.store).await.unwrap());
        (ada, grace) = (server.make_admin(ada).await, server.make_admin(grace).await);
    }
}

#[apply(on_both_databases)]
async fn concurrent_deactivations_of_two_admins_leave_one_admin(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up_admin("ada").await;
    let grace = server.sign_up_admin("grace").await;
    let now = server.now();
    let [at_ada, at_grace] =
        [&ada, &grace].map(|person| format!("{}/deactivate", user_path(person)));
    for round in 0..rounds(50) {
        let (one, other) = tokio::join!(
            ada.browser.post(&at_grace, json!({})),
            grace.browser.post(&at_ada, json!({}))
        );
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "round {round}: {one:?} {other:?}");
        assert!([401, 409].contains(&statuses[1]), "round {round}: {one:?} {other:?}");
        assert!(users::any_active_admin(&server.state.store).await.unwrap());
        for person in [&ada, &grace] {
            let event = Event::new(None, Action::UserReactivated, &person.id, &json!({}), now);
            let store = &server.state.store;
            user_administration::reactivate(store, person.id.clone(), now, event)
                .await
                .unwrap()
                .unwrap();
        }
    }
}

#[apply(on_both_databases)]
async fn concurrent_demotion_and_deactivation_leave_one_admin(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up_admin("ada").await;
    let mut grace = server.sign_up_admin("grace").await;
    let now = server.now();
    let (at_ada, at_grace) = (format!("{}/deactivate", user_path(&ada)), user_path(&grace));
    for round in 0..rounds(50) {
        let (one, other) = tokio::join!(
            ada.browser.patch(&at_grace, json!({ "role": "user" })),
            grace.browser.post(&at_ada, json!({}))
        );
        let succeeded = [&one, &other].iter().filter(|reply| reply.status == 200).count();
        assert_eq!(succeeded, 1, "round {round}: {one:?} {other:?}");
        assert!(users::any_active_admin(&server.state.store).await.unwrap());
        let event = Event::new(None, Action::UserReactivated, &ada.id, &json!({}), now);
        user_administration::reactivate(&server.state.store, ada.id.clone(), now, event)
            .await
            .unwrap()
            .unwrap();
        grace = server.make_admin(grace).await;
    }
}
