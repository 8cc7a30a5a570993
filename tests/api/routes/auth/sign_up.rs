use portcullis::store::users;

use super::*;

#[apply(on_both_databases)]
async fn sign_up_reports_all_invalid_fields_at_once(backend: Backend) {
    let server = backend.start().await;
    let body =
        json!({ "name": " ", "email": "nobody", "image": "javascript:x", "password": PASSWORD });
    let problem =
        server.anonymous.post(SIGN_UP, body).await.assert_problem(400, "VALIDATION_ERROR");
    assert_eq!(
        problem["message"],
        "[body.email] Invalid email address; \
         [body.image] must be an http or https URL of at most 2048 characters; \
         [body.name] must be 1 to 100 characters on one line"
    );
    assert_eq!(problem["detail"], problem["message"]);
    let fields: Vec<&Value> =
        problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["email", "image", "name"]);
}

#[apply(on_both_databases)]
async fn sign_up_with_invalid_field_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let long = format!("{}@example.com", "a".repeat(243));
    let unfit = [
        ("name", json!("")),
        ("name", json!(" \u{2003} ")),
        ("name", json!("a".repeat(101))),
        ("name", json!("two\nlines")),
        ("name", json!(7)),
        ("name", Value::Null),
        ("email", json!("")),
        ("email", json!("ada")),
        ("email", json!("ada@")),
        ("email", json!("@example.com")),
        ("email", json!("ada@@example.com")),
        ("email", json!("ada@example.com@evil.example")),
        ("email", json!(" ada@example.com")),
        ("email", json!("ada@example.com\n")),
        ("email", json!("Ada <ada@example.com>")),
        ("email", json!("ada@exämple.com")),
        ("email", json!("ada@example")),
        ("email", json!("ada\u{ff20}example.com")),
        ("email", json!(long)),
        ("email", json!(["ada@example.com"])),
        ("password", json!(12_345_678)),
        ("image", json!("ftp://example.com/ada.png")),
        ("image", json!("not a url")),
        ("callbackURL", json!(1)),
        ("rememberMe", json!("false")),
    ];
    for (field, value) in unfit {
        let body = with_field(sign_up_body("ada"), field, value);
        let reply = server.anonymous.post(SIGN_UP, body.clone()).await;
        assert_eq!(reply.header("set-cookie"), None, "{body}");
        let problem = reply.assert_problem(400, "VALIDATION_ERROR");
        let message = problem["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("[body.{field}] ")), "{body}: {message}");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    server.sign_up("ada").await;
}

/// Accounts of an earlier release may have such an email.
#[apply(on_both_databases)]
async fn sign_in_accepts_email_without_a_dot_and_sign_up_accepts_localhost(backend: Backend) {
    let server = backend.start().await;
    let dotless = json!({ "email": "ada@example" });
    let sign_in = with_field(dotless.clone(), "password", PASSWORD);
    let reply = server.anonymous.post("/api/auth/sign-in/email", sign_in).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    for path in ["/api/auth/request-password-reset", "/api/auth/send-verification-email"] {
        server.anonymous.post(path, dotless.clone()).await.expect(200);
    }
    for local in ["ada@localhost", "ada@LOCALHOST.example"] {
        let body = with_field(sign_up_body("ada"), "email", local);
        server.anonymous.post(SIGN_UP, body).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn sign_up_with_short_long_or_common_password_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let refused = [
        (String::new(), "PASSWORD_TOO_SHORT"),
        ("séveñ 7".to_owned(), "PASSWORD_TOO_SHORT"),
        ("🦀".repeat(7), "PASSWORD_TOO_SHORT"),
        ("x".repeat(129), "PASSWORD_TOO_LONG"),
        ("🦀".repeat(129), "PASSWORD_TOO_LONG"),
        ("12345678".to_owned(), "PASSWORD_TOO_COMMON"),
        ("qwertyuiop".to_owned(), "PASSWORD_TOO_COMMON"),
        ("PassWord1".to_owned(), "PASSWORD_TOO_COMMON"),
    ];
    for (password, code) in refused {
        let reply = server
            .anonymous
            .post(SIGN_UP, with_field(sign_up_body("ada"), "password", password))
            .await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(400, code);
    }
}

#[apply(on_both_databases)]
async fn sign_up_with_password_from_name_email_or_site_is_rejected(backend: Backend) {
    let server = backend.start_with(&["--name", "Analytical Engines"]).await;
    for password in ["ada@example.com", "ADA-example1", "Analytical Engines", "enginesAda2024"] {
        let reply = server
            .anonymous
            .post(SIGN_UP, with_field(sign_up_body("ada"), "password", password))
            .await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(400, "PASSWORD_TOO_OBVIOUS");
    }
    let body = with_field(sign_up_body("ada"), "password", "analytical battery");
    server.anonymous.post(SIGN_UP, body).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_up_with_taken_email_in_any_case_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for email in ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@example.Com"] {
        let body = with_field(sign_up_body("eve"), "email", email);
        let reply = server.anonymous.post(SIGN_UP, body).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    }
    // Nor does a sign-up with a taken email end the session that sends it.
    ada.browser
        .post(SIGN_UP, sign_up_body("ada"))
        .await
        .assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    let me = ada.browser.get(ME).await.expect(200);
    assert_eq!(me["user"]["name"], "ada");
}

#[apply(on_both_databases)]
async fn sign_up_with_malformed_json_is_bad_request(backend: Backend) {
    let server = backend.start().await;
    let whole = sign_up_body("ada").to_string();
    let broken: [&[u8]; 7] = [
        b"{not json",
        b"\"",
        b" ",
        &whole.as_bytes()[..whole.len() - 1],
        &[whole.as_bytes(), b"x"].concat(),
        b"{\"name\":\"\xff\xfe\"}",
        br#"{"name":"\ud800"}"#,
    ];
    for body in broken {
        post_raw(&server.anonymous, SIGN_UP, body).await.assert_problem(400, "BAD_REQUEST");
    }
}

#[apply(on_both_databases)]
async fn sign_up_with_deeply_nested_json_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for field in ["name", "password", "rememberMe", "unknown"] {
        let body = format!(r#"{{"{field}":{deep}}}"#);
        post_raw(&server.anonymous, SIGN_UP, body).await.assert_problem(400, "VALIDATION_ERROR");
    }
}

#[apply(on_both_databases)]
async fn sign_up_without_json_content_type_is_unsupported_media_type(backend: Backend) {
    let server = backend.start().await;
    let form = "name=ada&email=ada%40example.com&password=correct+horse+battery+staple";
    let json = sign_up_body("ada").to_string();
    let unfit = [
        (Some("application/x-www-form-urlencoded"), form),
        (Some("multipart/form-data; boundary=x"), form),
        (Some("text/plain"), json.as_str()),
        (Some("text/json"), json.as_str()),
        (None, json.as_str()),
    ];
    for (kind, body) in unfit {
        let mut request = server.anonymous.request(Method::POST, SIGN_UP).body(body.to_owned());
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        Reply::of(request).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let charset = server
        .anonymous
        .request(Method::POST, SIGN_UP)
        .header("Content-Type", "Application/JSON; charset=utf-8");
    Reply::of(charset.body(json)).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_up_with_body_over_64_kib_is_payload_too_large(backend: Backend) {
    let server = backend.start().await;
    let around = with_field(sign_up_body("ada"), "padding", "").to_string().len();
    let of_size =
        |size: usize| with_field(sign_up_body("ada"), "padding", "x".repeat(size - around));
    let over = of_size(64 * 1024 + 1).to_string();
    assert_eq!(over.len(), 65_537);
    post_raw(&server.anonymous, SIGN_UP, over).await.assert_problem(413, "payload_too_large");
    server.anonymous.post(SIGN_UP, of_size(64 * 1024)).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_up_when_closed_is_rejected(backend: Backend) {
    let server = backend.start_with(&["--sign-up", "closed"]).await;
    let reply = server.anonymous.post(SIGN_UP, sign_up_body("ada")).await;
    assert_eq!(reply.header("set-cookie"), None);
    reply.assert_problem(400, "EMAIL_PASSWORD_SIGN_UP_DISABLED");
    server
        .anonymous
        .post(SIGN_IN, sign_up_body("ada"))
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[apply(on_both_databases)]
async fn sign_up_with_foreign_callback_url_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    for url in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""] {
        let body = with_field(sign_up_body("ada"), "callbackURL", url);
        server.anonymous.post(SIGN_UP, body).await.assert_problem(403, "INVALID_CALLBACK_URL");
    }
    let body = with_field(sign_up_body("ada"), "callbackURL", "/welcome?first=1");
    server.anonymous.post(SIGN_UP, body).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_up_with_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let script = server.sign_up("ada").await.token(&["read", "write"]).await;
    script.post(SIGN_UP, sign_up_body("eve")).await.assert_problem(403, "cookie_required");
    server.sign_up("eve").await;
}

#[apply(on_both_databases)]
async fn csrf_sign_up_or_sign_in_from_foreign_origin_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let refused: [(&[(&str, &str)], &str); 8] = [
        (&[("Origin", "http://evil.example")], "INVALID_ORIGIN"),
        (&[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "none")], "INVALID_ORIGIN"),
        (&[("Origin", "null")], "MISSING_OR_NULL_ORIGIN"),
        (&[("Referer", "http://evil.example/form")], "INVALID_ORIGIN"),
        (&[("Sec-Fetch-Site", "cross-site")], "INVALID_ORIGIN"),
        (&[("Sec-Fetch-Site", "same-site")], "INVALID_ORIGIN"),
        (
            &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")],
            "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        ),
        (
            &[
                ("Origin", &server.anonymous.base),
                ("Sec-Fetch-Site", "cross-site"),
                ("Sec-Fetch-Mode", "navigate"),
            ],
            "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        ),
    ];
    for path in [SIGN_UP, SIGN_IN] {
        for (headers, code) in refused {
            let reply = post_with_headers(&server, path, headers, &sign_up_body("ada")).await;
            assert_eq!(reply.header("set-cookie"), None, "{headers:?}");
            reply.assert_problem(403, code);
        }
    }
}

#[apply(on_both_databases)]
async fn sign_up_and_sign_in_without_browser_headers_need_no_origin(backend: Backend) {
    let server = backend.start().await;
    post_with_headers(&server, SIGN_UP, &[], &sign_up_body("ada")).await.expect(200);
    post_with_headers(&server, SIGN_IN, &[], &sign_up_body("ada")).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_up_without_body_or_required_field_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let bare = Reply::of(server.anonymous.request(Method::POST, SIGN_UP)).await;
    bare.assert_problem(400, "VALIDATION_ERROR");
    server.anonymous.post(SIGN_UP, json!({})).await.assert_problem(400, "VALIDATION_ERROR");
    for field in ["name", "email", "password"] {
        let mut body = sign_up_body("ada");
        body.as_object_mut().unwrap().remove(field);
        let problem =
            server.anonymous.post(SIGN_UP, body).await.assert_problem(400, "VALIDATION_ERROR");
        assert!(problem["message"].as_str().unwrap().contains(field), "{problem}");
    }
}

#[apply(on_both_databases)]
async fn sign_up_creates_a_user_and_starts_a_session(backend: Backend) {
    let server = backend.start().await;
    let body = with_field(sign_up_body("ada"), "image", "https://example.com/ada.png");
    let reply = server.anonymous.post(SIGN_UP, body).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let answer = reply.expect(200);
    let now = server.now().to_string();
    let user = json!({
        "id": answer["user"]["id"],
        "name": "ada",
        "email": "ada@example.com",
        "emailVerified": false,
        "image": "https://example.com/ada.png",
        "role": "user",
        "createdAt": now,
        "updatedAt": now,
        "twoFactorEnabled": false,
    });
    assert_eq!(answer, json!({ "token": answer["token"], "user": user }));
    let current = browser.get(GET_SESSION).await.expect(200);
    assert_eq!(current["user"], user);
    assert_eq!(current["session"]["id"], answer["token"], "the token is the session's id");
    assert_eq!(current["session"]["token"], answer["token"]);
    assert_eq!(current["session"]["userId"], user["id"]);
}

#[apply(on_both_databases)]
async fn sign_up_ignores_fields_a_user_may_not_set(backend: Backend) {
    let server = backend.start().await;
    let mut body = sign_up_body("eve");
    let dropped = json!({
        "id": "00000000-0000-7000-8000-000000000000",
        "userId": "00000000-0000-7000-8000-000000000000",
        "role": "",
        "emailVerified": true,
        "email_verified": true,
        "deactivatedAt": "2000-01-01T00:00:00.000Z",
        "createdAt": "2000-01-01T00:00:00.000Z",
        "expiresAt": "2999-01-01T00:00:00.000Z",
        "token": "chosen",
        "scopes": ["admin"],
    });
    body.as_object_mut().unwrap().extend(dropped.as_object().unwrap().clone());
    let reply = server.anonymous.post(SIGN_UP, body).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let answer = reply.expect(200);
    assert_ne!(answer["user"]["id"], dropped["id"]);
    assert_ne!(answer["token"], "chosen");
    assert_eq!(answer["user"]["role"], "user");
    assert_eq!(answer["user"]["emailVerified"], false);
    assert_eq!(answer["user"]["createdAt"], server.now().to_string());
    browser.get("/api/admin/users").await.assert_problem(403, "admin_required");
    assert!(!users::any_active_admin(&server.state.store).await.unwrap());
}

#[apply(on_both_databases)]
async fn sign_up_stores_the_email_in_lower_case(backend: Backend) {
    let server = backend.start().await;
    let body = with_field(sign_up_body("ada"), "email", "Ada.LOVELACE@Example.COM");
    let answer = server.anonymous.post(SIGN_UP, body).await.expect(200);
    assert_eq!(answer["user"]["email"], "ada.lovelace@example.com");
    for email in ["ada.lovelace@example.com", "ADA.Lovelace@example.com"] {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = server.anonymous.post(SIGN_IN, body).await.expect(200);
        assert_eq!(answer["user"]["email"], "ada.lovelace@example.com");
    }
}

#[apply(on_both_databases)]
async fn concurrent_sign_ups_with_the_same_email_succeed_once(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    for round in 0..rounds(8) {
        let name = format!("twin{round}");
        let upper = with_field(
            sign_up_body(&name),
            "email",
            format!("{}@EXAMPLE.COM", name.to_uppercase()),
        );
        let (one, other) = tokio::join!(
            server.anonymous.post(SIGN_UP, sign_up_body(&name)),
            server.anonymous.post(SIGN_UP, upper),
        );
        let (won, lost) = if one.status == 200 { (one, other) } else { (other, one) };
        assert_eq!(lost.header("set-cookie"), None);
        lost.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
        let browser = server.anonymous.with_cookie(&won.cookie().unwrap());
        won.expect(200);
        let sessions = browser.get(LIST_SESSIONS).await.expect(200);
        assert_eq!(sessions.as_array().unwrap().len(), 1);
    }
}

#[apply(on_both_databases)]
async fn sign_up_accepts_long_unicode_passwords_which_must_match_exactly(backend: Backend) {
    let server = backend.start().await;
    let passwords = [
        "пароль, длинный и хороший".to_owned(),
        "八文字以上の秘密".to_owned(),
        "🦀".repeat(128),
        "x".repeat(128),
        "  spaces at both ends  ".to_owned(),
        "nul\0 and bell\u{7} and \u{1b}[31m".to_owned(),
    ];
    for (number, password) in passwords.iter().enumerate() {
        let body = with_field(sign_up_body(&format!("ada{number}")), "password", password.as_str());
        server.anonymous.post(SIGN_UP, body.clone()).await.expect(200);
        server.anonymous.post(SIGN_IN, body.clone()).await.expect(200);
        let mut cut = password.clone();
        cut.pop();
        for other in [cut, password.trim().to_owned(), password.to_uppercase()] {
            if other != *password {
                let body = with_field(body.clone(), "password", other);
                server
                    .anonymous
                    .post(SIGN_IN, body)
                    .await
                    .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
            }
        }
    }
}

#[apply(on_both_databases)]
async fn sign_up_with_control_characters_is_rejected(backend: Backend) {
    let server = backend.start().await;
    for character in ['\0', '\u{1}', '\t', '\r', '\n', '\u{1b}', '\u{7f}', '\u{85}'] {
        for field in ["name", "email", "image", "callbackURL"] {
            let text = format!("https://example.com/{character}@example.com");
            let body = with_field(sign_up_body("ada"), field, text);
            let reply = server.anonymous.post(SIGN_UP, body).await;
            assert!([400, 403].contains(&reply.status.as_u16()), "{character:?}: {}", reply.text);
        }
        let body = with_field(sign_up_body("ada"), "email", format!("ada{character}@example.com"));
        server.anonymous.post(SIGN_IN, body).await.assert_problem(400, "INVALID_EMAIL");
    }
    let name = "Ada \u{202e}\u{200b}🦀 '; DROP TABLE users; --";
    let answer = server
        .anonymous
        .post(SIGN_UP, with_field(sign_up_body("ada"), "name", name))
        .await
        .expect(200);
    assert_eq!(answer["user"]["name"], name);
}

#[apply(on_both_databases)]
async fn session_cookie_over_http_is_http_only_and_lasts_thirty_days(backend: Backend) {
    let server = backend.start().await;
    for path in [SIGN_UP, SIGN_IN] {
        let reply = server.anonymous.post(path, sign_up_body("ada")).await;
        assert_eq!(set_cookie(&reply).0, "portcullis");
        assert_eq!(
            cookie_attributes(&reply),
            ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"]
        );
        let (name, value, _) = set_cookie(&reply);
        assert!(name.len() + value.len() < 4096);
        reply.expect(200);
    }
}

#[apply(on_both_databases)]
async fn session_cookie_over_https_is_secure_with_host_prefix(backend: Backend) {
    let server = backend.start_with(&["--public-url", "https://example.com"]).await;
    let headers = [("Origin", "https://example.com")];
    server.anonymous.post(SIGN_UP, sign_up_body("ada")).await.assert_problem(403, "INVALID_ORIGIN");
    for path in [SIGN_UP, SIGN_IN] {
        let reply = post_with_headers(&server, path, &headers, &sign_up_body("ada")).await;
        assert_eq!(set_cookie(&reply).0, "__Host-portcullis");
        assert_eq!(
            cookie_attributes(&reply),
            ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"]
        );
        let cookie = reply.cookie().unwrap();
        assert!(is_signed_in(&server.anonymous.with_cookie(&cookie)).await);
        let plain = cookie.trim_start_matches("__Host-");
        assert!(
            !is_signed_in(&server.anonymous.with_cookie(plain)).await,
            "the cookie is accepted only under that name"
        );
    }
    let body = with_field(sign_up_body("grace"), "rememberMe", false);
    let reply = post_with_headers(&server, SIGN_UP, &headers, &body).await;
    assert_eq!(cookie_attributes(&reply), ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
}

#[apply(on_both_databases)]
async fn session_cookie_without_remember_me_ends_with_the_browser(backend: Backend) {
    let server = backend.start().await;
    let body = with_field(sign_up_body("ada"), "rememberMe", false);
    for path in [SIGN_UP, SIGN_IN] {
        let reply = server.anonymous.post(path, body.clone()).await;
        assert_eq!(set_cookie(&reply).0, "portcullis");
        assert_eq!(cookie_attributes(&reply), ["HttpOnly", "Path=/", "SameSite=Lax"]);
        assert!(is_signed_in(&server.anonymous.with_cookie(&reply.cookie().unwrap())).await);
    }
}

#[apply(on_both_databases)]
async fn session_cookie_secret_is_in_no_response_body(backend: Backend) {
    let server = backend.start().await;
    let reply = server.anonymous.post(SIGN_UP, sign_up_body("ada")).await;
    let cookie = reply.cookie().unwrap();
    assert_secret_not_disclosed(&reply, &cookie);
    assert_ne!(reply.expect(200)["token"], secret_of(&cookie));
    let browser = server.anonymous.with_cookie(&cookie);
    for path in [GET_SESSION, LIST_SESSIONS, ME, "/api/dashboard"] {
        let reply = browser.get(path).await;
        assert_secret_not_disclosed(&reply, &cookie);
        reply.expect(200);
    }
    let id = browser.get(GET_SESSION).await.expect(200)["session"]["id"].clone();
    for caller in [
        server.anonymous.with_token(id.as_str().unwrap()),
        server.anonymous.with_token(&secret_of(&cookie)),
        server.anonymous.with_cookie(&format!("portcullis={}", id.as_str().unwrap())),
        server.anonymous.with_cookie(&format!("portcullis={}", secret_of(&cookie))),
    ] {
        assert!(!is_signed_in(&caller).await, "without its signature the cookie is rejected");
    }
    for path in [VERIFY_PASSWORD, SIGN_IN] {
        let reply = browser.post(path, sign_up_body("ada")).await;
        assert_secret_not_disclosed(&reply, &cookie);
        if let Some(new) = reply.cookie() {
            assert_secret_not_disclosed(&reply, &new);
        }
        reply.expect(200);
    }
}

#[apply(on_both_databases)]
async fn sign_up_ends_the_browsers_previous_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let reply = ada.browser.post(SIGN_UP, sign_up_body("grace")).await;
    let new = reply.cookie().unwrap();
    let old = ada.browser.cookie.as_ref().unwrap();
    assert_ne!(secret_of(&new), secret_of(old));
    assert!(!is_signed_in(&ada.browser).await);
    assert!(is_signed_in(&phone).await, "the sessions of other devices stay valid");
    let me = server.anonymous.with_cookie(&new).get(ME).await.expect(200);
    assert_eq!(me["user"]["email"], "grace@example.com");
}

#[apply(on_both_databases)]
async fn sign_up_does_not_adopt_a_planted_session_cookie(backend: Backend) {
    let server = backend.start().await;
    let eve = server.sign_up("eve").await;
    let ended = server.sign_in(&eve).await;
    ended.post(SIGN_OUT, json!({})).await.expect(200);
    let own = eve.browser.cookie.clone().unwrap();
    let planted = [own, ended.cookie.unwrap(), "portcullis=planted".to_owned()];
    for (number, planted) in planted.iter().enumerate() {
        let browser = server.anonymous.with_cookie(planted);
        let reply = browser.post(SIGN_UP, sign_up_body(&format!("ada{number}"))).await;
        let new = reply.cookie().unwrap();
        assert_ne!(&new, planted);
        assert!(is_signed_in(&server.anonymous.with_cookie(&new)).await);
        assert!(!is_signed_in(&browser).await, "the planted cookie is not signed in");
    }
}
