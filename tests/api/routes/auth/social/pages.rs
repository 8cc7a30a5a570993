use super::*;

#[tokio::test]
async fn pages_offer_the_configured_providers() {
    let site = Site::start_with(Backend::Sqlite, &[], "name = \"Example & Co\"").await;
    for page in ["/login", "/signup"] {
        let text = site.server.anonymous.navigate(page).await.text;
        assert!(text.contains("Continue with Example &#38; Co"), "{page}: {text}");
        assert!(text.contains("name=\"provider\" value=\"op\""), "{page}");
    }
    let ada = site.signed_in(verified("lovelace", "ada@example.com")).await;
    let text = ada.navigate("/settings").await.text;
    assert!(text.contains("lovelace") && text.contains("Link twin"));
    assert!(!text.contains("unlink-account"), "the last method stays");
    let plain = Backend::Sqlite.start().await;
    assert!(!plain.anonymous.navigate("/login").await.text.contains("sign-in/social"));
}

#[tokio::test]
async fn provider_is_reached_without_javascript_by_a_link() {
    let site = Site::start(Backend::Sqlite).await;
    let form = site
        .server
        .anonymous
        .request(Method::POST, SOCIAL)
        .header("Accept", "text/html")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("provider=op&callbackURL=/done");
    let reply = Reply::of(form).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.text.contains(&format!("href=\"{}", site.provider.issuer)));
    assert!(flow_cookie(&reply).is_some());
}

#[tokio::test]
async fn error_page_says_what_to_do_and_shows_no_text_of_the_query() {
    let server = Backend::Sqlite.start().await;
    let page = async |error: &str| {
        let reply = server.anonymous.navigate(&format!("/sign-in-error?error={error}")).await;
        assert_eq!(reply.status, 200);
        reply.text
    };
    assert!(
        page("account_not_linked").await.contains("link the identity provider in your settings")
    );
    assert!(page("state_mismatch").await.contains("Try again"));
    let unknown = page("call_0800_123").await;
    assert!(unknown.contains("could not sign you in") && !unknown.contains("0800"));
}

#[tokio::test]
async fn second_step_goes_on_to_a_trusted_callback_only() {
    let settings = ["--trusted-origins", "https://app.example.com"];
    let server = Backend::Sqlite.start_with(&settings).await;
    let caller = server.anonymous.with_cookie(&format!("{CHALLENGE}=x"));
    for (callback, then) in [
        ("https://app.example.com/home", "https://app.example.com/home"),
        ("/settings", "/settings"),
        ("https://evil.example/", "/dashboard"),
    ] {
        let text = caller.navigate(&format!("/two-factor?callbackURL={callback}")).await.text;
        assert!(text.contains(&format!("name=\"_then\" value=\"{then}\"")), "{callback}");
    }
}

#[tokio::test]
async fn without_pages_a_failure_leads_to_the_login_page_of_the_front_end() {
    let settings = ["--pages", "off", "--login-url", "https://app.example.com/login?x=y"];
    let site = Site::start_with(Backend::Sqlite, &settings, "").await;
    let reply = site.server.anonymous.navigate("/api/auth/callback/op?state=x").await;
    let location = reply.header("location").unwrap();
    assert_eq!(location, "https://app.example.com/login?x=y&error=state_mismatch");
    let mut ada = site.server.sign_up("ada").await;
    site.confirm_email_of(&ada).await;
    ada.enable_two_factor(&site.server).await;
    let reply =
        site.sign_in(json!({ "errorCallbackURL": "/oops" }), verified("ada", &ada.email)).await;
    assert_eq!(place(&reply), "/oops?error=second_factor_required");
    assert!(reply.cookie_named(CHALLENGE).is_some());
}

#[tokio::test]
async fn password_does_not_count_as_a_sign_in_method_where_passwords_are_off() {
    let site = Site::start_with(Backend::Sqlite, &["--passwords", "off"], "").await;
    let ada = site.signed_in(verified("ada", "ada@example.com")).await;
    let accounts = ada.get(LIST_ACCOUNTS).await.expect(200);
    let id = accounts[0]["id"].as_str().unwrap();
    let sql = "INSERT INTO accounts (id, user_id, provider_id, account_id, password_hash, created_at, updated_at)
               SELECT user_id, user_id, 'credential', user_id, 'x', created_at, updated_at FROM accounts";
    execute(&site.server, sql).await;
    let reply = ada.post(UNLINK, json!({ "accountId": id })).await;
    reply.assert_problem(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");

    // Nor for the removal of a passkey.
    let user_id = ada.get(ME).await.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    let email = "ada@example.com".to_owned();
    let ada = TestUser { id: user_id, email, browser: ada };
    let passkey = ada.add(site.server.passkey()).await;
    ada.browser.post(UNLINK, json!({ "accountId": id })).await.expect(200);
    let remove = json!({ "id": passkey.id });
    let reply = ada.browser.post("/api/auth/passkey/delete-passkey", remove).await;
    reply.assert_problem(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
}
