//! The pages for people, in Chromium: `tests/pages/`.

use std::collections::BTreeMap;

use portcullis::{
    secrets::SigningKey,
    store::jobs::{self, Claim, NewJob, Outcome},
    time::{days, seconds},
};
use tempfile::TempDir;

use crate::{headers::PAGES, support::*};

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

    fn start(&self) -> Running {
        let settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Running::start(self.home.path(), &settings)
    }

    fn described(&self, server: &Running) -> Value {
        json!({ "url": server.nobody.base, "outbox": self.home.path().join("data/outbox") })
    }
}

/// Makes the first admin as the setup page does.
async fn set_up(server: &Running) -> Value {
    let (_, token) = server.setup_link().split_once("#token=").unwrap();
    let body = json!({ "token": token, "name": "Root", "email": ADMIN, "password": PASSWORD });
    server.nobody.post("/api/setup", body).await.expect(201);
    json!({ "email": ADMIN, "password": PASSWORD })
}

/// Where everybody entered their password more than a day ago, and some mail could not be sent.
async fn stale(backend: Backend) -> (Server, Value) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let sleeper = server.sign_up("sleeper").await;
    let dozer = server.sign_up("dozer").await;
    server.jobs_done().await;
    let store = &server.state.store;
    for kind in ["of-tomorrow", "spoiled"] {
        jobs::add(store, NewJob::new(kind, "{}".into(), None, server.now())).await.unwrap();
    }
    let claim = jobs::claim(store, &["spoiled"], seconds(60), server.now()).await.unwrap();
    let Claim::Taken(job) = claim else { panic!("{claim:?}") };
    let given_up = Outcome::GivenUp("550 there is nobody by that name here".into());
    jobs::settle(store, &job, given_up, server.now()).await.unwrap();
    server.advance(seconds(25 * 60 * 60));
    let described = json!({
        "url": server.nobody.base,
        "outbox": server.folder.join("outbox"),
        "admin": admin.browser.cookie,
        "sleeper": sleeper.browser.cookie,
        "dozer": dozer.browser.cookie,
        "password": PASSWORD,
    });
    (server, described)
}

#[apply(both)]
async fn the_pages_work_in_a_browser(backend: Backend) {
    let (fresh, site) = (Site::new(backend).await, Site::new(backend).await);
    let (new, running) = (fresh.start(), site.start());
    let (_stale, described) = stale(backend).await;
    let mut sites = json!({
        "fresh": fresh.described(&new),
        "site": site.described(&running),
        "stale": described,
    });
    sites["fresh"]["setup"] = json!(new.setup_link());
    sites["site"]["admin"] = set_up(&running).await;
    let apart = (backend == Backend::Postgres).then_some(Site::new(backend).await);
    if let Some(apart) = &apart {
        // Its way to the database is what the tests cut, so they start it themselves.
        let unlimited = UNLIMITED.map(|(_, name, value)| (name, value.to_owned()));
        let settings: BTreeMap<_, _> = apart.settings.iter().cloned().chain(unlimited).collect();
        sites["apart"] = json!({
            "program": env!("CARGO_BIN_EXE_portcullis"),
            "home": apart.home.path(),
            "settings": settings,
        });
    }
    BROWSER.run("test", &[("SITES", &sites)]).await;
}

#[apply(both)]
async fn sessions_beyond_the_first_page_are_behind_a_link(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    for _ in 0..20 {
        server.sign_in(&ada).await;
    }
    let user = format!("/admin/users/{}", ada.id);
    for (viewer, path) in [(&ada, "/settings"), (&admin, user.as_str())] {
        let first = viewer.browser.navigate(path).await.text;
        let (_, link) = first.split_once(&format!("<a href=\"{path}?sessions=")).expect(path);
        let (cursor, _) = link.split_once('#').unwrap();
        let seen = |page: &str| page.matches("last seen").count();
        assert_eq!(seen(&first), 20, "{path}");
        let second = viewer.browser.navigate(&format!("{path}?sessions={cursor}")).await.text;
        assert_eq!((seen(&second), second.contains("Older sessions")), (1, false), "{path}");
    }
}

/// What the navigation of a page offers.
fn navigation(page: &str) -> Vec<&'static str> {
    let (_, rest) = page.split_once(r#"<nav aria-label="Site">"#).expect("it has one");
    let (links, _) = rest.split_once("</nav>").unwrap();
    let all = [r#"href="/admin""#, r#"href="/settings""#, "Sign out", r#"href="/login""#];
    all.into_iter().filter(|link| links.contains(link)).collect()
}

#[apply(both)]
async fn an_error_page_has_the_navigation_of_its_user(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let user = [r#"href="/settings""#, "Sign out"];
    let signed_out = server.sign_in(&ada).await;
    signed_out.post("/api/auth/sign-out", json!({})).await.expect(200);
    for (viewer, path, status, expected) in [
        (&server.nobody, "/nothing", 404, vec![r#"href="/login""#]),
        (&signed_out, "/nothing", 404, vec![r#"href="/login""#]),
        (&ada.browser, "/nothing", 404, user.to_vec()),
        (&ada.browser, "/admin", 403, user.to_vec()),
        (&ada.browser, "/settings?sessions=x", 400, user.to_vec()),
        (&admin.browser, "/nothing", 404, [&[r#"href="/admin""#], &user[..]].concat()),
        (&admin.browser, "/admin/users/x", 404, [&[r#"href="/admin""#], &user[..]].concat()),
    ] {
        let page = viewer.navigate(path).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(navigation(&page.text), expected, "{path}");
    }
    ada.browser.get("/nothing").await.refused(404, "not_found");
}

#[apply(both)]
async fn a_page_over_the_limit_says_when_to_go_on(backend: Backend) {
    let server = backend.start_with(&["--limit-requests", "1/30s"]).await;
    assert_eq!(server.nobody.navigate("/login").await.status, 200);
    // Nothing is looked up for it: that there is a cookie is all that is known.
    let browser = server.nobody.with_cookie("portcullis=x");
    for (viewer, expected) in [
        (&server.nobody, vec![r#"href="/login""#]),
        (&browser, vec![r#"href="/settings""#, "Sign out"]),
    ] {
        let page = viewer.navigate("/settings").await;
        assert_eq!(page.status, 429);
        assert_eq!(page.header("retry-after"), Some("30"));
        assert!(page.text.contains(r#" data-retry-after="30""#), "{}", page.text);
        assert!(page.text.contains("You can go on in 30 seconds."), "{}", page.text);
        assert_eq!(navigation(&page.text), expected);
    }
}

#[apply(both)]
async fn rows_of_tokens_have_the_dates_of_their_state_and_their_owners_name(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let made = server.now();
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
    let day = |n| made + days(n);
    for (name, state, date) in [
        ("revoked", "revoked", Some(("revoked", revoked))),
        ("expired", "expired", Some(("expired", day(1)))),
        ("active", "active", Some(("expires", day(2)))),
        ("lasting", "active", None),
    ] {
        let expected = date.map_or("does not expire".to_owned(), |(what, at)| {
            format!(r#"{what} <time datetime="{at}">"#)
        });
        let created = format!(r#"created <time datetime="{made}">"#);
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

#[apply(both)]
async fn the_root_leads_to_the_start(backend: Backend) {
    let server = backend.start().await;
    let reply = server.nobody.navigate("/").await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), Some("/dashboard"));
    assert_eq!(server.nobody.navigate("/dashboard").await.status, 200);
}

#[apply(both)]
async fn the_pages_can_be_turned_off(backend: Backend) {
    let server = backend.start_with(&["--pages", "off"]).await;
    let reply = server.nobody.navigate("/").await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), Some("/docs/"));
    for path in PAGES.iter().chain(&["/assets/app.css"]) {
        server.nobody.navigate(path).await.refused(404, "not_found");
    }
    let home = TempDir::new().unwrap();
    let running = Running::start(home.path(), &[("PORTCULLIS_PAGES", "off")]);
    assert!(!running.banner.contains("/setup"), "{}", running.banner);
}
