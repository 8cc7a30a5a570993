//! The HTML pages, in Chromium: `tests/pages/`.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::{
    scope::Scope,
    secrets::SigningKey,
    store::jobs::{self, Claim, NewJob, Outcome},
    time::{days, seconds},
};
use strum::VariantArray;
use tempfile::TempDir;

use crate::{
    security::{access::add_account, headers::PAGES},
    support::*,
};

static BROWSER: Package = Package::of("tests/pages");

const ADMIN: &str = "root@example.com";

/// The program itself, on a database of its own.
struct Site {
    home: TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Site {
    async fn new(backend: Backend) -> Self {
        let home = TempDir::new().unwrap();
        let url = backend.database(home.path()).await;
        let secret = SigningKey::generate().reveal();
        let settings = vec![("DATABASE_URL", url), ("PORTCULLIS_SECRET", secret)];
        Self { home, settings }
    }

    fn start(&self) -> ServerProcess {
        let settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ServerProcess::start(self.home.path(), &settings)
    }

    fn described(&self, server: &ServerProcess) -> Value {
        json!({ "url": server.anonymous.base, "outbox": self.home.path().join("data/outbox") })
    }
}

/// Creates the first admin as the setup page does.
async fn set_up(server: &ServerProcess) -> Value {
    let (_, token) = server.setup_link().split_once("#token=").unwrap();
    let body = json!({ "token": token, "name": "Root", "email": ADMIN, "password": PASSWORD });
    server.anonymous.post("/api/setup", body).await.expect(201);
    json!({ "email": ADMIN, "password": PASSWORD })
}

/// Starts a server whose sessions are not fresh any more, and where some mail could not be sent.
async fn stale(backend: Backend) -> (Server, Value) {
    let server = backend.start_with_providers().await;
    let admin = server.sign_up_admin("admin").await;
    let sleeper = server.sign_up("sleeper").await;
    let dozer = server.sign_up("dozer").await;
    let linked = server.sign_up("linked").await;
    add_account(&server, &linked, "company", "linked").await;
    server.wait_for_jobs().await;
    let store = &server.state.store;
    for kind in ["of-tomorrow", "spoiled"] {
        jobs::add(store, NewJob::new(kind, "{}".into(), None, server.now())).await.unwrap();
    }
    let claim = jobs::claim(store, vec!["spoiled"], seconds(60), server.now()).await.unwrap();
    let Claim::Taken(job) = claim else { panic!("{claim:?}") };
    let given_up = Outcome::GivenUp("550 there is nobody by that name here".into());
    jobs::record_outcome(store, &job, given_up, server.now()).await.unwrap();
    server.advance(seconds(25 * 60 * 60));
    let described = json!({
        "url": server.anonymous.base,
        "outbox": server.folder.join("outbox"),
        "admin": admin.browser.cookie,
        "sleeper": sleeper.browser.cookie,
        "dozer": dozer.browser.cookie,
        "linked": linked.browser.cookie,
        "password": PASSWORD,
    });
    (server, described)
}

/// Starts a server without passwords, where there is no admin yet and a session is not fresh any more.
async fn without_passwords(backend: Backend) -> (Server, Value) {
    let server = backend.start_with_providers_and(&["--passwords", "off"]).await;
    let sleeper = server.sign_up_by_link("sleeper").await;
    let owner = server.sign_up_by_link("owner").await;
    server.advance(seconds(25 * 60 * 60));
    let suspension = "suspension-link-of-a-notice";
    server.add_suspension_link(&owner, suspension).await;
    let described = json!({
        "url": server.anonymous.base,
        "outbox": server.folder.join("outbox"),
        "setup": format!("/setup#token={}", server.issue_setup_link().await),
        "sleeper": { "email": sleeper.email, "cookie": sleeper.browser.cookie },
        "owner": owner.email,
        "suspension": format!("/suspend-access#token={suspension}"),
    });
    (server, described)
}

#[apply(on_both_databases)]
async fn pages_work_in_a_browser(backend: Backend) {
    let (fresh, site) = (Site::new(backend).await, Site::new(backend).await);
    let (new, running) = (fresh.start(), site.start());
    let (_stale, described) = stale(backend).await;
    let (_passwordless, without_passwords) = without_passwords(backend).await;
    let mut sites = json!({
        "fresh": fresh.described(&new),
        "site": site.described(&running),
        "stale": described,
        "passwordless": without_passwords,
    });
    sites["fresh"]["setup"] = json!(new.setup_link());
    sites["site"]["admin"] = set_up(&running).await;
    let apart = (backend == Backend::Postgres).then_some(Site::new(backend).await);
    if let Some(apart) = &apart {
        // The browser tests cut its connection to the database, so they start it themselves.
        let own = apart.settings.iter().map(|(name, value)| (name.to_string(), value.clone()));
        let unlimited = unlimited().map(|(name, value)| (name, value.to_owned()));
        let settings: BTreeMap<_, _> = own.chain(unlimited).collect();
        sites["apart"] = json!({
            "program": env!("CARGO_BIN_EXE_portcullis"),
            "home": apart.home.path(),
            "settings": settings,
        });
    }
    BROWSER.run("test", &[("SITES", &sites)]).await;
}

/// Returns the links in the navigation of a page.
fn navigation(page: &str) -> Vec<&'static str> {
    let (_, rest) =
        page.split_once(r#"<nav aria-label="Site">"#).expect("the page has a navigation");
    let (links, _) = rest.split_once("</nav>").unwrap();
    let all = [r#"href="/admin""#, r#"href="/settings""#, "Sign out", r#"href="/login""#];
    all.into_iter().filter(|link| links.contains(link)).collect()
}

#[apply(on_both_databases)]
async fn error_page_shows_the_navigation_of_its_user(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let user = [r#"href="/settings""#, "Sign out"];
    let signed_out = server.sign_in(&ada).await;
    signed_out.post("/api/auth/sign-out", json!({})).await.expect(200);
    for (viewer, path, status, expected) in [
        (&server.anonymous, "/nothing", 404, vec![r#"href="/login""#]),
        (&signed_out, "/nothing", 404, vec![r#"href="/login""#]),
        (&ada.browser, "/nothing", 404, user.to_vec()),
        (&ada.browser, "/admin", 403, user.to_vec()),
        (&ada.browser, "/login?why=x", 400, user.to_vec()),
        (&admin.browser, "/nothing", 404, [&[r#"href="/admin""#], &user[..]].concat()),
        (&admin.browser, "/admin/users/x", 404, [&[r#"href="/admin""#], &user[..]].concat()),
    ] {
        let page = viewer.navigate(path).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(navigation(&page.text), expected, "{path}");
    }
    ada.browser.get("/nothing").await.assert_problem(404, "not_found");
}

#[apply(on_both_databases)]
async fn rate_limit_page_says_when_to_retry(backend: Backend) {
    let server = backend.start_with(&["--limit-requests", "1/30s"]).await;
    assert_eq!(server.anonymous.navigate("/login").await.status, 200);
    // Nothing is looked up: the page only depends on whether there is a cookie.
    let browser = server.anonymous.with_cookie("portcullis=x");
    for (viewer, expected) in [
        (&server.anonymous, vec![r#"href="/login""#]),
        (&browser, vec![r#"href="/settings""#, "Sign out"]),
    ] {
        let page = viewer.navigate("/settings").await;
        assert_eq!(page.status, 429);
        assert_eq!(page.header("retry-after"), Some("30"));
        assert!(page.text.contains(r#" data-retry-after="30""#), "{}", page.text);
        assert!(page.text.contains("Try again in 30 seconds."), "{}", page.text);
        assert_eq!(navigation(&page.text), expected);
    }
}

#[apply(on_both_databases)]
async fn token_rows_show_the_dates_of_their_state_and_the_owners_name(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let created_at = server.now();
    let mut ids = Vec::new();
    for (name, life) in [("revoked", 30), ("expired", 1), ("active", 2)] {
        let body = json!({ "name": name, "expiresInDays": life });
        let token = ada.browser.post("/api/tokens", body).await.expect(201);
        ids.push(token["id"].as_str().unwrap().to_owned());
    }
    ada.browser.post("/api/tokens", json!({ "name": "lasting" })).await.expect(201);
    server.advance(seconds(60));
    let revoked = server.now();
    let path = format!("/api/tokens/{}", ids[0]);
    assert_eq!(ada.browser.delete(&path).await.status, 204);
    server.advance(days(1));
    let day = |n| created_at + days(n);
    for (name, state, date) in [
        ("revoked", "revoked", Some(("revoked", revoked))),
        ("expired", "expired", Some(("expired", day(1)))),
        ("active", "active", Some(("expires", day(2)))),
        ("lasting", "active", None),
    ] {
        let expected = date.map_or("does not expire".to_owned(), |(what, at)| {
            format!(r#"{what} <time datetime="{at}">"#)
        });
        let created = format!(r#"created <time datetime="{created_at}">"#);
        let own = format!("/settings/tokens?state={state}");
        for (viewer, path) in [(&ada, own.as_str()), (&admin, "/admin/tokens")] {
            let page = viewer.browser.navigate(path).await.text;
            let (_, row) = page.split_once(&format!("<strong>{name}</strong>")).expect(path);
            let (row, _) = row.split_once("</li>").unwrap();
            assert!(row.contains(&expected) && row.contains(&created), "{path}: {row}");
            let owner = format!(r#"<a href="/admin/users/{}">ada</a>"#, ada.id);
            assert_eq!(row.contains(&owner), path == "/admin/tokens", "{row}");
        }
    }
}

#[apply(on_both_databases)]
async fn root_page_redirects_to_the_dashboard(backend: Backend) {
    let server = backend.start().await;
    let reply = server.anonymous.navigate("/").await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), Some("/dashboard"));
    assert_eq!(server.anonymous.navigate("/dashboard").await.status, 200);
}

#[apply(on_both_databases)]
async fn pages_can_be_turned_off(backend: Backend) {
    let server = backend.start_with(&["--pages", "off"]).await;
    let reply = server.anonymous.navigate("/").await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), Some("/docs/"));
    for path in PAGES.iter().chain(&["/assets/app.css"]) {
        server.anonymous.navigate(path).await.assert_problem(404, "not_found");
    }
    let home = TempDir::new().unwrap();
    let running = ServerProcess::start(home.path(), &[("PORTCULLIS_PAGES", "off")]);
    assert!(!running.banner.contains("/setup"), "{}", running.banner);
}

/// Returns the text of a page, without markup.
fn words(html: &str) -> String {
    let mut text = String::new();
    let mut in_a_tag = false;
    for character in html.chars() {
        match character {
            '<' => in_a_tag = true,
            '>' => in_a_tag = false,
            character if !in_a_tag => text.push(character),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[apply(on_both_databases)]
async fn admin_filters_take_email_name_or_id_and_show_errors_at_the_field(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let adam = server.sign_up("adam").await;
    for person in [&ada, &adam] {
        person.create_token(json!({ "name": format!("token of {}", person.email) })).await;
        let path = format!("/api/admin/users/{}", person.id);
        admin.browser.patch(&path, json!({ "name": "Ada B" })).await.expect(200);
    }
    let name = json!({ "name": "Adam" });
    admin.browser.patch(&format!("/api/admin/users/{}", adam.id), name).await.expect(200);
    let see = async |path: &str| {
        let reply = admin.browser.navigate(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.text
    };
    let id = ada.id.to_uppercase();
    for whom in ["ada@example.com", " ADA@example.com ", "Ada%20B", &ada.id, &id] {
        let tokens = see(&format!("/admin/tokens?user={whom}&state=active")).await;
        assert!(tokens.contains("token of ada@"), "{whom}: {tokens}");
        assert!(!tokens.contains("token of adam@"), "{whom}");
        let log = words(&see(&format!("/admin/activity?subject={whom}")).await);
        assert!(log.contains("admin renamed Ada B") && !log.contains("Adam"), "{whom}: {log}");
    }
    // Both resources match, and each is offered.
    for (path, rest) in
        [("/admin/tokens?user", "&#38;state=active"), ("/admin/activity?subject", "")]
    {
        let page = see(&format!("{path}=ada&state=active")).await;
        assert!(words(&page).contains("Several users match."), "{page}");
        for email in ["ada%40example.com", "adam%40example.com"] {
            assert!(page.contains(&format!("href=\"{path}={email}{rest}\"")), "{page}");
        }
        assert!(page.contains("value=\"ada\"") && page.contains("aria-invalid"), "{page}");
        assert!(!page.contains("token of"), "{page}");
    }
    // Invalid input is not sent to the API, and stays in the form.
    let long = "x".repeat(101);
    let (long_search, long_user) =
        (format!("/admin?search={long}"), format!("/admin/tokens?user={long}"));
    let wrong = [
        ("/admin/tokens?user=nobody%40example.com", "No user has this name"),
        ("/admin/activity?subject=nobody", "No user has this name"),
        ("/admin/activity?subject=%00", "must be 1 to 100 characters"),
        ("/admin/tokens?state=gone&user=ada%40example.com", "There is no choice “gone”."),
        ("/admin/jobs?state=gone", "There is no choice “gone”."),
        ("/admin?role=owner", "There is no choice “owner”."),
        (long_search.as_str(), "must be 1 to 100 characters"),
        (long_user.as_str(), "must be 1 to 100 characters"),
    ];
    for (path, message) in wrong {
        let page = see(path).await;
        assert!(words(&page).contains(message), "{path}: {page}");
        assert!(page.contains("aria-invalid=\"true\""), "{path}");
        assert!(!page.contains("<ul class=\"rows\">"), "{path} shows data that was not requested");
    }
    for path in [
        "/admin?cursor=x",
        "/admin/tokens?cursor=x&before=y",
        "/admin/jobs?cursor=%ff&cursor=2",
        "/settings?sessions=x",
        "/settings/tokens?state=gone&before=x",
    ] {
        see(path).await;
    }
    assert!(see(&long_user).await.contains(&long));
}

/// Returns the rows of a page's list that contain this text.
fn rows<'a>(page: &'a str, text: &str) -> Vec<&'a str> {
    let rows = page.split("<li>").skip(1).filter_map(|row| Some(row.split_once("</li>")?.0));
    rows.filter(|row| row.contains(text)).collect()
}

/// Returns the target of a link with this text.
fn link(page: &str, words: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!(">{words}</a>"))?;
    let (_, link) = before.rsplit_once("href=\"")?;
    Some(link.split_once('"')?.0.replace("&#38;", "&"))
}

#[apply(on_both_databases)]
async fn list_pages_pagination_leads_forwards_and_backwards(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    for number in 0..41 {
        ada.create_token(json!({ "name": format!("number {number}.") })).await;
    }
    for _ in 1..41 {
        server.sign_in(&ada).await;
    }
    let user = format!("/admin/users/{}#sessions", ada.id);
    for (viewer, path, text) in [
        (&admin, "/admin/tokens?user=ada%40example.com", "<strong>number"),
        (&admin, "/admin/tokens?user=ada%40example.com&state=active", "<strong>number"),
        (&admin, user.as_str(), "last seen"),
        (&ada, "/settings#sessions", "last seen"),
        (&ada, "/settings/tokens?state=active", "<strong>number"),
    ] {
        let see = async |path: &str| {
            let reply = viewer.browser.navigate(path).await;
            assert_eq!(reply.status, 200, "{path}");
            reply.text
        };
        let follow = async |page: &str, words: &str| {
            see(&link(page, words).unwrap_or_else(|| panic!("{path}: {words}: {page}"))).await
        };
        let first = see(path).await;
        assert_eq!(link(&first, "Previous page").or(link(&first, "First page")), None, "{path}");
        let second = follow(&first, "Next page").await;
        let third = follow(&second, "Next page").await;
        assert_eq!(link(&third, "Next page"), None, "{path}");
        let pages = [&first, &second, &third].map(|page| rows(page, text));
        assert_eq!(pages.each_ref().map(Vec::len), [20, 20, 1], "{path}");
        let all = pages.concat();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 41, "{path}");
        if text.ends_with("number") {
            for (row, number) in all.iter().zip((0..41).rev()) {
                assert!(row.contains(&format!("number {number}.</strong>")), "{path}: {row}");
            }
        }
        let back = follow(&third, "Previous page").await;
        assert_eq!(rows(&back, text), pages[1], "{path}");
        let start = follow(&back, "Previous page").await;
        assert_eq!(rows(&start, text), pages[0], "{path}");
        assert_eq!(link(&start, "Previous page"), None, "{path}");
        assert_eq!(link(&third, "First page").as_deref(), Some(path));
    }
}

#[tokio::test]
async fn create_token_form_offers_only_scopes_the_user_may_grant() {
    let server = Backend::Sqlite.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    for viewer in [&admin, &ada] {
        let mut offered = 0;
        let page = viewer.browser.navigate("/settings/tokens").await.text;
        for scope in Scope::VARIANTS {
            let box_of_it = format!(r#"name="scopes" value="{}""#, scope.name());
            let is_offered = page.contains(&box_of_it);
            let body = json!({ "name": "x", "scopes": [scope.name()] });
            let may_give = viewer.browser.post("/api/tokens", body).await.status == 201;
            assert_eq!(is_offered, may_give, "{}: {scope:?}", viewer.email);
            offered += usize::from(is_offered);
        }
        assert_eq!(page.matches(r#"name="scopes""#).count(), offered, "{}", viewer.email);
    }
}

#[apply(on_both_databases)]
async fn activity_page_describes_events_in_words(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("Root").await;
    let ada = server.sign_up("ada").await;
    let user = format!("/api/admin/users/{}", ada.id);
    let created = ada.create_token(json!({ "name": "backup" })).await;
    let token = format!("/api/admin/tokens/{}", created["id"].as_str().unwrap());
    admin.browser.delete(&token).await.expect(204);
    let body = json!({ "revokeCredentials": true });
    admin.browser.post(&format!("{user}/deactivate"), body).await.expect(200);
    admin.browser.post(&format!("{user}/reactivate"), json!({})).await.expect(200);
    execute(&server, allow_activity_updates(backend)).await;
    // A newer server recorded an event of an unknown kind.
    execute(
        &server,
        "UPDATE activity SET action = 'user-archived', detail = '{\"keepsFiles\":true}' WHERE action = 'user-reactivated'",
    )
    .await;
    let page = admin.browser.navigate("/admin/activity").await.text;
    let text = words(&page);
    for sentence in [
        "Root did “user archived” to ada",
        "keeps files: yes",
        "Root deactivated ada and revoked all sessions, tokens and links",
        "Root revoked the token “backup” of ada",
        "The operator set the role of Root from user to admin",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
    for mark in ['{', '}'] {
        assert!(!text.contains(mark), "{text}");
    }
    for person in [&admin, &ada] {
        let path = format!("/admin/users/{}", person.id);
        assert!(page.contains(&format!("href=\"{path}\"")), "{page}");
        assert_eq!(admin.browser.navigate(&path).await.status, 200);
    }

    // The name of a deleted user is gone, but the events that concern them stay.
    let eve = server.sign_up("eve").await;
    let path = format!("/api/admin/users/{}", eve.id);
    admin.browser.patch(&path, json!({ "name": "Eve" })).await.expect(200);
    let leaving = json!({ "password": PASSWORD });
    eve.browser.post("/api/auth/delete-user", leaving).await.expect(200);
    let page = admin.browser.navigate("/admin/activity").await.text;
    assert!(words(&page).contains("deleted their own account"), "{page}");
    let link = format!("/admin/activity?subject={}", eve.id);
    assert!(page.contains(&format!("href=\"{link}\"")), "{page}");
    let of_eve = words(&admin.browser.navigate(&link).await.text);
    assert!(of_eve.contains("Root renamed a deleted user"), "{of_eve}");
    assert!(of_eve.contains("A deleted user"), "{of_eve}");
}

#[apply(on_both_databases)]
async fn user_page_explains_deactivation_and_offers_applicable_actions(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("Root").await;
    let ada = server.sign_up("ada").await;
    server.sign_in(&ada).await;
    ada.create_token(json!({ "name": "works" })).await;
    let gone = ada.create_token(json!({ "name": "gone" })).await;
    let token = format!("/api/tokens/{}", gone["id"].as_str().unwrap());
    ada.browser.delete(&token).await.expect(204);
    let path = format!("/admin/users/{}", ada.id);
    let page = admin.browser.navigate(&path).await.text;
    let text = words(&page);
    for part in
        ["2 sessions: signed out", "1 API token: scripts", "You can undo this:", "Grant admin role"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("your own account"), "{text}");
    assert!(!page.contains(" checked"), "a permanent option is selected by default");
    assert!(page.contains("value=\"verify-email\"") && page.contains("value=\"reset-password\""));
    assert!(!page.contains("value=\"invitation\""));

    let own = admin.browser.navigate(&format!("/admin/users/{}", admin.id)).await.text;
    let text = words(&own);
    assert!(text.contains("This is your own account."), "{text}");
    assert!(text.contains("Remove admin role") && !text.contains("Make a user"), "{text}");

    let body = json!({ "name": "Grace", "email": "grace@example.com" });
    let created = admin.browser.post("/api/admin/users", body).await.expect(201);
    let path = format!("/admin/users/{}", created["id"].as_str().unwrap());
    let page = admin.browser.navigate(&path).await.text;
    assert!(page.contains("value=\"invitation\"") && !page.contains("value=\"reset-password\""));
    let text = words(&page);
    assert!(
        text.contains("no sessions, as there are none") && text.contains("no API tokens"),
        "{text}"
    );
}
