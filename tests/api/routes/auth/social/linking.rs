use super::*;

/// Links an account to a signed-in user, and returns the response of the callback.
async fn link(site: &Site, browser: &Caller, claims: Value) -> Reply {
    let body = json!({ "provider": "op", "callbackURL": "/linked", "errorCallbackURL": "/oops" });
    let flow = Flow::of(browser.post(LINK, body).await);
    let callback = site.at_provider(&flow, claims).await;
    let both = format!("{}; {}", browser.cookie.as_ref().unwrap(), flow.cookie);
    site.server.anonymous.with_cookie(&both).navigate(&path_of(&callback)).await
}

/// Returns the id of a user's sign-in method.
async fn method(browser: &Caller, provider: &str) -> Option<String> {
    let all = browser.get(LIST_ACCOUNTS).await.expect(200);
    let found = all.as_array().unwrap().iter().find(|row| row["providerId"] == provider);
    found.map(|row| row["id"].as_str().unwrap().to_owned())
}

async fn unlink(browser: &Caller, id: &str) -> Reply {
    browser.post(UNLINK, json!({ "accountId": id })).await
}

#[apply(on_both_databases)]
async fn signed_in_user_links_an_account_whatever_its_email_and_unlinks_it(backend: Backend) {
    let site = Site::start(backend).await;
    let ada = site.server.sign_up("ada").await;
    let claims = json!({ "sub": "lovelace", "email": "private@example.org" });
    for _ in 0..2 {
        let reply = link(&site, &ada.browser, claims.clone()).await;
        assert_eq!(place(&reply), "/linked");
        assert!(reply.cookie().is_none(), "the session goes on");
    }
    let mail = site.server.last_mail_to(&ada.email).await;
    assert_eq!(mail.subject, "A new way to sign in to Portcullis");
    let other = site.signed_in(claims.clone()).await;
    assert_eq!(other.get(ME).await.expect(200)["user"]["id"], ada.id);

    let id = method(&ada.browser, "op").await.unwrap();
    assert_eq!(unlink(&ada.browser, &id).await.expect(200), json!({ "status": true }));
    assert_eq!(method(&ada.browser, "op").await, None);
    unlink(&ada.browser, &id).await.assert_problem(400, "ACCOUNT_NOT_FOUND");
    let sql = "SELECT action AS value FROM activity WHERE action LIKE 'provider%' ORDER BY id";
    assert_eq!(select(&site.server, sql).await, ["provider-linked", "provider-unlinked"]);
    let reply = site.sign_in(json!({ "callbackURL": "/done" }), claims).await;
    assert_eq!(place(&reply), "/done", "as a new user");
    assert_eq!(site.emails().await, ["ada@example.com", "private@example.org"]);
    site.server.wait_for_jobs().await;
    let mail = site.server.last_mail_to(&ada.email).await;
    assert_eq!(mail.subject, "A way to sign in to Portcullis was removed");
}

#[apply(on_both_databases)]
async fn last_sign_in_method_cannot_be_removed(backend: Backend) {
    let site = Site::start(backend).await;
    let ada = site.server.sign_up("ada").await;
    let password = method(&ada.browser, "credential").await.unwrap();
    unlink(&ada.browser, &password).await.assert_problem(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    link(&site, &ada.browser, verified("ada", "ada@example.com")).await;
    let provider = method(&ada.browser, "op").await.unwrap();
    unlink(&ada.browser, &password).await.expect(200);
    unlink(&ada.browser, &provider).await.assert_problem(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
}

#[apply(on_both_databases)]
async fn concurrent_removals_leave_one_sign_in_method(backend: Backend) {
    let site = Site::start(backend).await;
    for round in 0..rounds(3) {
        let ada = site.server.sign_up(&format!("ada{round}")).await;
        link(&site, &ada.browser, verified(&format!("s{round}"), &ada.email)).await;
        let ids = [
            method(&ada.browser, "op").await.unwrap(),
            method(&ada.browser, "credential").await.unwrap(),
        ];
        let removals = ids.iter().map(|id| unlink(&ada.browser, id));
        let replies = futures_util::future::join_all(removals).await;
        let done = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(done, 1);
    }
}

#[apply(on_both_databases)]
async fn account_of_another_user_is_neither_linked_nor_unlinked(backend: Backend) {
    let site = Site::start(backend).await;
    let [ada, eve] = [site.server.sign_up("ada").await, site.server.sign_up("eve").await];
    link(&site, &ada.browser, verified("ada", "ada@example.com")).await;
    let reply = link(&site, &eve.browser, verified("ada", "ada@example.com")).await;
    assert_eq!(place(&reply), "/oops?error=account_already_linked_to_different_user");
    let id = method(&ada.browser, "op").await.unwrap();
    unlink(&eve.browser, &id).await.assert_problem(400, "ACCOUNT_NOT_FOUND");
    assert_eq!(method(&ada.browser, "op").await, Some(id));
}

#[apply(on_both_databases)]
async fn account_is_linked_only_in_the_session_that_asked_for_it(backend: Backend) {
    let site = Site::start(backend).await;
    let [ada, eve] = [site.server.sign_up("ada").await, site.server.sign_up("eve").await];
    let begin = async || {
        let flow = Flow::of(ada.browser.post(LINK, json!({ "provider": "op" })).await);
        let callback = site.at_provider(&flow, verified("ada", "ada@example.com")).await;
        (flow, path_of(&callback))
    };
    let anonymous = &site.server.anonymous;
    for session in
        [None, eve.browser.cookie.as_ref(), site.server.sign_in(&ada).await.cookie.as_ref()]
    {
        let (flow, path) = begin().await;
        let cookies = session.map_or(flow.cookie.clone(), |s| format!("{s}; {}", flow.cookie));
        let reply = anonymous.with_cookie(&cookies).navigate(&path).await;
        assert_eq!(place(&reply), "/sign-in-error?error=unable_to_link_account");
        assert!(reply.cookie().is_none());
    }
    let (flow, path) = begin().await;
    ada.browser.post(SIGN_OUT, json!({})).await.expect(200);
    let cookies = format!("{}; {}", ada.browser.cookie.as_ref().unwrap(), flow.cookie);
    let reply = anonymous.with_cookie(&cookies).navigate(&path).await;
    assert_eq!(place(&reply), "/sign-in-error?error=unable_to_link_account");
    let accounts = select(&site.server, "SELECT provider_id AS value FROM accounts").await;
    assert_eq!(accounts, ["credential", "credential"]);
}

#[tokio::test]
async fn linking_and_unlinking_need_a_fresh_session() {
    let site = Site::start(Backend::Sqlite).await;
    let ada = site.server.sign_up("ada").await;
    let id = method(&ada.browser, "credential").await.unwrap();
    site.server.advance(seconds(25 * 60 * 60));
    let reply = ada.browser.post(LINK, json!({ "provider": "op" })).await;
    reply.assert_problem(403, "SESSION_NOT_FRESH");
    unlink(&ada.browser, &id).await.assert_problem(403, "SESSION_NOT_FRESH");
}
