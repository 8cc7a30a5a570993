use super::*;

/// Returns the error of a sign-in, or none if there is a session.
async fn error(site: &Site, claims: Value) -> Option<String> {
    let body = json!({ "callbackURL": "/done", "errorCallbackURL": "/oops" });
    let reply = site.sign_in(body, claims).await;
    let place = place(&reply);
    assert_eq!(reply.cookie().is_some(), place == "/done");
    place.strip_prefix("/oops?error=").map(ToOwned::to_owned)
}

#[apply(on_both_databases)]
async fn account_is_linked_by_email_only_if_the_provider_has_verified_it(backend: Backend) {
    for more in ["", "trusted_email = true"] {
        let site = Site::start_with(backend, &[], more).await;
        for (number, (ours, theirs, links)) in [
            (true, json!(true), true),
            (true, json!("true"), true),
            (true, json!(false), false),
            (true, json!("false"), false),
            (true, json!(null), false),
            (false, json!(true), true),
            (false, json!(false), false),
            (false, json!(null), false),
        ]
        .into_iter()
        .enumerate()
        {
            let user = site.server.sign_up(&format!("user{number}")).await;
            if ours {
                site.confirm_email_of(&user).await;
            }
            site.provider.fail(json!({ "idToken": { "email_verified": theirs } })).await;
            let claims = json!({ "sub": format!("sub{number}"), "email": user.email });
            let expected = (!links).then(|| "account_not_linked".to_owned());
            assert_eq!(error(&site, claims).await, expected, "{more} {ours} {theirs}");
            let kept = user.browser.get(ME).await.status == 200;
            assert_eq!(kept, ours || !links, "sessions of an unverified email end: {theirs}");
        }
    }
}

#[apply(on_both_databases)]
async fn link_that_an_earlier_registrant_began_fails_after_the_owner_has_arrived(backend: Backend) {
    let site = Site::start(backend).await;
    let eve = site.server.sign_up("ada").await;
    // It would link the attacker's own account at the provider.
    let attack = Flow::of(eve.browser.post(LINK, json!({ "provider": "op" })).await);
    let callback = site.at_provider(&attack, verified("eve", "eve@example.com")).await;

    let ada = site.signed_in(verified("ada", "ada@example.com")).await;
    assert_eq!(ada.get(ME).await.expect(200)["user"]["id"], eve.id, "the user is the same");
    let both = format!("{}; {}", eve.browser.cookie.as_ref().unwrap(), attack.cookie);
    let reply = site.server.anonymous.with_cookie(&both).navigate(&path_of(&callback)).await;
    assert_eq!(place(&reply), "/sign-in-error?error=unable_to_link_account");
    let accounts = ada.get(LIST_ACCOUNTS).await.expect(200);
    assert_eq!(accounts.as_array().unwrap().len(), 1);
    let mail = site.server.last_mail_to("ada@example.com").await;
    assert_eq!(mail.subject, "A new way to sign in to Portcullis");
}

#[apply(on_both_databases)]
async fn email_that_is_malformed_or_missing_creates_no_user(backend: Backend) {
    let site = Site::start(backend).await;
    for email in
        [json!("not-an-address"), json!("a@[127.0.0.1]"), json!("ада@example.com"), json!(null)]
    {
        site.provider.fail(json!({ "idToken": { "email": email } })).await;
        let claims = json!({ "sub": "ada", "email_verified": true });
        assert_eq!(error(&site, claims).await.as_deref(), Some("email_not_found"), "{email}");
    }
    assert!(site.emails().await.is_empty());
}

#[tokio::test]
async fn email_that_is_not_in_the_id_token_comes_from_the_user_info() {
    let site = Site::start(Backend::Sqlite).await;
    site.provider.fail(json!({ "idToken": { "email": null, "email_verified": null } })).await;
    site.signed_in(verified("ada", "ada@example.com")).await;
    assert_eq!(site.emails().await, ["ada@example.com"]);
}

#[apply(on_both_databases)]
async fn missing_statement_on_the_email_counts_for_sign_up_where_it_is_trusted(backend: Backend) {
    for (more, theirs, is_verified) in [
        ("", json!(null), false),
        ("trusted_email = true", json!(null), true),
        ("trusted_email = true", json!(false), false),
    ] {
        let site = Site::start_with(backend, &[], more).await;
        site.provider.fail(json!({ "idToken": { "email_verified": theirs } })).await;
        let ada = site.signed_in(json!({ "sub": "ada", "email": "ada@example.com" })).await;
        let me = ada.get(ME).await.expect(200);
        assert_eq!(me["user"]["emailVerified"], is_verified, "{more} {theirs}");
        if !is_verified {
            let mail = site.server.last_mail_to("ada@example.com").await;
            assert_eq!(mail.subject, "Confirm your email for Portcullis");
        }
    }
}

/// As at Microsoft, whose statements about emails count for nothing.
#[apply(on_both_databases)]
async fn user_whose_email_the_provider_does_not_verify_confirms_it_by_the_mailed_link(
    backend: Backend,
) {
    let site = Site::start(backend).await;
    let claims = json!({ "sub": "lincoln", "email": "AbeLi@example.com", "email_verified": false });
    let browser = site.signed_in(claims.clone()).await;
    let me = browser.get(ME).await.expect(200);
    assert_eq!(me["user"]["emailVerified"], false);
    let secret = site.server.last_mail_to("abeli@example.com").await.secret();
    confirm_email(&site.server.anonymous, &secret).await.expect(200);
    let me = site.signed_in(claims).await.get(ME).await.expect(200);
    assert_eq!(me["user"]["emailVerified"], true);
    assert_eq!(site.emails().await, ["abeli@example.com"], "it is the same user");
}

#[apply(on_both_databases)]
async fn unverified_user_of_a_provider_must_confirm_the_email_where_that_is_required(
    backend: Backend,
) {
    let site = Site::start_with(backend, &["--email-verification", "required"], "").await;
    let claims = json!({ "sub": "ada", "email": "ada@example.com", "email_verified": false });
    assert_eq!(error(&site, claims.clone()).await.as_deref(), Some("email_not_verified"));
    let secret = site.server.last_mail_to("ada@example.com").await.secret();
    confirm_email(&site.server.anonymous, &secret).await.expect(200);
    assert_eq!(error(&site, claims).await, None);
}

#[apply(on_both_databases)]
async fn sign_up_by_provider_follows_the_rules_of_sign_up(backend: Backend) {
    for (settings, more) in [
        (&["--sign-up", "closed"][..], ""),
        (&["--sign-up-domains", "example.org"], ""),
        (&[], "sign_up = false"),
    ] {
        let site = Site::start_with(backend, settings, more).await;
        let claims = verified("ada", "ada@example.com");
        assert_eq!(error(&site, claims).await.as_deref(), Some("signup_disabled"));
        assert!(site.emails().await.is_empty());
    }
}

#[apply(on_both_databases)]
async fn deactivated_user_cannot_sign_in_with_a_provider(backend: Backend) {
    let site = Site::start(backend).await;
    let ada = site.server.sign_up("ada").await;
    let grace = site.server.sign_up("grace").await;
    site.confirm_email_of(&ada).await;
    site.signed_in(verified("ada", "ada@example.com")).await;
    execute(&site.server, "UPDATE users SET deactivated_at = created_at").await;
    for (sub, email) in [("ada", &ada.email), ("grace", &grace.email)] {
        let claims = verified(sub, email);
        assert_eq!(error(&site, claims).await.as_deref(), Some("user_deactivated"));
    }
    let accounts =
        select(&site.server, "SELECT account_id AS value FROM accounts WHERE provider_id = 'op'")
            .await;
    assert_eq!(accounts, ["ada"], "nothing is linked to a deactivated user");
}
