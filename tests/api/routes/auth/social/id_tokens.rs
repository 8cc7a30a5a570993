use super::*;

impl Site {
    /// Returns an ID token of the provider, with a nonce.
    async fn id_token(&self, claims: Value) -> String {
        let mut body = verified("ada", "ada@example.com");
        body["nonce"] = json!("a nonce");
        body.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let answer = self.provider.control("id-token", body).await;
        self.keep_time();
        answer["token"].as_str().unwrap().to_owned()
    }

    async fn present(&self, token: &str, nonce: Option<&str>) -> Reply {
        let body = json!({ "provider": "op", "idToken": { "token": token, "nonce": nonce } });
        self.server.anonymous.post(SOCIAL, body).await
    }
}

#[apply(on_both_databases)]
async fn id_token_signs_in_once(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.id_token(json!({})).await;
    let reply = site.present(&token, Some("a nonce")).await;
    let browser = site.server.anonymous.with_cookie(&reply.cookie().unwrap());
    let answer = reply.expect(200);
    assert_eq!(answer["redirect"], false);
    assert_eq!(answer["user"]["email"], "ada@example.com");
    assert_eq!(answer["token"], json!(browser.session_id().await));
    let again = site.present(&token, Some("a nonce")).await;
    again.assert_problem(401, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn concurrent_uses_of_an_id_token_start_one_session(backend: Backend) {
    let site = Site::start(backend).await;
    for _ in 0..rounds(4) {
        let token = site.id_token(json!({ "jti": uuid::Uuid::now_v7() })).await;
        let uses = [(); 4].map(|()| site.present(&token, Some("a nonce")));
        let replies = futures_util::future::join_all(uses).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    }
}

#[tokio::test]
async fn id_token_without_its_nonce_or_of_others_is_rejected() {
    let site = Site::start(Backend::Sqlite).await;
    let token = site.id_token(json!({})).await;
    for nonce in [None, Some("another"), Some("")] {
        site.present(&token, nonce).await.assert_problem(401, "INVALID_TOKEN");
    }
    let now = site.server.now().micros() / 1_000_000;
    for claims in [
        json!({ "nonce": null }),
        json!({ "aud": "another" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": now - 60 }),
        json!({ "iat": now - 2 * 60 * 60, "exp": now + 600 }),
        json!({ "iat": now + 600 }),
    ] {
        let token = site.id_token(claims.clone()).await;
        let reply = site.present(&token, Some("a nonce")).await;
        assert_eq!(reply.status, 401, "{claims}");
        reply.assert_problem(401, "INVALID_TOKEN");
    }
    site.present("no token", Some("x")).await.assert_problem(401, "INVALID_TOKEN");
    assert!(site.emails().await.is_empty());
}

#[apply(on_both_databases)]
async fn id_token_follows_the_rules_of_linking_and_of_the_second_factor(backend: Backend) {
    let site = Site::start(backend).await;
    let mut ada = site.server.sign_up("ada").await;
    site.confirm_email_of(&ada).await;
    let token = site.id_token(json!({ "email_verified": false })).await;
    let reply = site.present(&token, Some("a nonce")).await;
    let problem = reply.assert_problem(401, "OAUTH_LINK_ERROR");
    assert_eq!(problem["message"], "account not linked");
    ada.enable_two_factor(&site.server).await;
    let token = site.id_token(json!({})).await;
    let reply = site.present(&token, Some("a nonce")).await;
    assert!(reply.cookie().is_none());
    assert_eq!(reply.expect(200)["twoFactorRedirect"], true);
}

#[tokio::test]
async fn id_token_links_an_account() {
    let site = Site::start(Backend::Sqlite).await;
    let [ada, eve] = [site.server.sign_up("ada").await, site.server.sign_up("eve").await];
    let token = site.id_token(json!({ "sub": "x" })).await;
    let body = json!({ "provider": "op", "idToken": { "token": token, "nonce": "a nonce" } });
    let answer = ada.browser.post(LINK, body).await.expect(200);
    assert_eq!(answer, json!({ "url": "", "status": true, "redirect": false }));
    let token = site.id_token(json!({ "sub": "x", "jti": "another" })).await;
    let body = json!({ "provider": "op", "idToken": { "token": token, "nonce": "a nonce" } });
    let reply = eve.browser.post(LINK, body).await;
    reply.assert_problem(409, "SOCIAL_ACCOUNT_ALREADY_LINKED");
}
