//! Pages of the component.

use portcullis::{
    component::Component,
    docs,
    error::Error,
    gate::Session,
    pages::{Asset, Directive, Page, View},
    time::Clock,
};
use reqwest::{Method, Response, header, redirect::Policy};
use tempfile::TempDir;

use crate::{client, config_with, get, product, run, run_with, sign_up};

/// Requests a page as a browser that navigates to it.
async fn navigate(url: &str, path: &str, cookie: &str) -> Response {
    request(Method::GET, url, path, cookie).await
}

async fn request(method: Method, url: &str, path: &str, cookie: &str) -> Response {
    let request = client(Policy::none()).request(method, format!("{url}{path}"));
    let request = request.header("sec-fetch-mode", "navigate").header(header::ACCEPT, "text/html");
    let request = if cookie.is_empty() { request } else { request.header(header::COOKIE, cookie) };
    request.send().await.unwrap()
}

fn policy(response: &Response) -> String {
    response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn page_is_shown_in_the_layout_with_its_own_script_and_style() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        let response = navigate(url, "/bells", &cookie).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::X_FRAME_OPTIONS], "DENY");
        let own = policy(&navigate(url, "/dashboard", &cookie).await);
        assert_eq!(policy(&response), own);
        let page = response.text().await.unwrap();
        assert!(page.contains("<title>Bells · Belfry Tower</title>"), "{page}");
        assert!(page.contains("<h1>The bells of ada</h1>"), "{page}");
        assert!(page.contains("<a href=\"/bells\" aria-current=\"page\">Bells</a>"), "{page}");
        for (asset, kind) in [("bells.js", "text/javascript"), ("bells.css", "text/css")] {
            let (_, rest) = page.split_once(&format!("\"/assets/bells/{asset}?v=")).unwrap();
            let version = rest.split('"').next().unwrap();
            let asset = navigate(url, &format!("/assets/bells/{asset}?v={version}"), "").await;
            let headers = asset.headers();
            assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
            assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with(kind));
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
        let older = navigate(url, "/assets/bells/bells.js?v=older", "").await;
        assert_eq!(older.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(navigate(url, "/assets/bells/missing.js", "").await.status(), 404);
        assert_eq!(navigate(url, "/assets/other/bells.js", "").await.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn page_adds_to_the_content_security_policy_and_has_error_pages_and_head() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        let response = navigate(url, "/bells/%3Ci%3E", &cookie).await;
        let added = policy(&response);
        assert!(added.contains("img-src 'self' https://bells.example.com;"), "{added}");
        let page = response.text().await.unwrap();
        assert!(page.contains("<title>&#60;&#60;i&#62;&#62; · "), "{page}");
        assert!(page.contains("<h1>The bells of &#60;i&#62;</h1>"), "{page}");
        let head = request(Method::HEAD, url, "/bells/Emmanuel", &cookie).await;
        assert_eq!((head.status().as_u16(), policy(&head)), (200, added));
        let rejected = request(Method::POST, url, "/bells", &cookie).await;
        assert_eq!(rejected.status(), 405);
        assert_eq!(rejected.headers()[header::ALLOW], "HEAD, GET");
        let missing = navigate(url, "/bells/missing", &cookie).await;
        assert_eq!(missing.status(), 404);
        assert!(!policy(&missing).contains("bells.example.com"));
        assert!(missing.text().await.unwrap().contains("Page not found"));
    })
    .await;
}

/// Every page of the product is opened by those for whom its handler's arguments are, and by no one else.
#[tokio::test]
async fn access_of_every_page_is_enforced() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        let pages = product().pages();
        for page in ["/dashboard", "/bells", "/bells/{name}", "/belfry", "/belfry/keeper"] {
            assert!(pages.iter().any(|(path, _)| *path == page), "{page}");
        }
        let table = docs::route_table(&product());
        assert!(table.contains("| `/belfry/keeper` | yes | yes | yes |"), "{table}");
        let own = pages.iter().filter(|(path, _)| path.starts_with("/bel"));
        for (path, access) in own {
            let place = path.replace("{name}", "Emmanuel");
            let anonymous = navigate(url, &place, "").await;
            let stranger = get(&format!("{url}{place}")).await.status();
            if access.required {
                assert_eq!(anonymous.status(), 302, "{path}");
                let login = anonymous.headers()[header::LOCATION].to_str().unwrap();
                assert!(login.starts_with("/login?next=%2Fbel"), "{login}");
                assert_eq!(stranger, 401, "{path}");
            } else {
                assert_eq!((anonymous.status().as_u16(), stranger.as_u16()), (200, 200), "{path}");
            }
            let user = navigate(url, &place, &cookie).await.status();
            assert_eq!(user, if access.admin { 403 } else { 200 }, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn navigation_shows_the_pages_that_the_viewer_may_see() {
    let folder = TempDir::new().unwrap();
    let links = async |url: &str, cookie: &str| {
        let page = navigate(url, "/belfry", cookie).await.text().await.unwrap();
        ["/belfry", "/bells", "/belfry/keeper"]
            .map(|path| page.contains(&format!("href=\"{path}\"")))
    };
    let mut cookie = String::new();
    run(folder.path(), Clock::System, async |url, _| {
        assert_eq!(links(url, "").await, [true, false, false]);
        (_, cookie) = sign_up(url, "ada").await;
        assert_eq!(links(url, &cookie).await, [true, true, false]);
    })
    .await;
    let database = rusqlite::Connection::open(folder.path().join("belfry-tower.db")).unwrap();
    database.execute("UPDATE users SET role = 'admin'", []).unwrap();
    drop(database);
    run(folder.path(), Clock::System, async |url, _| {
        assert_eq!(links(url, &cookie).await, [true, true, true]);
        assert_eq!(navigate(url, "/belfry/keeper", &cookie).await.status(), 200);
    })
    .await;
}

#[tokio::test]
async fn setting_removes_the_pages_and_assets_of_the_product() {
    let folder = TempDir::new().unwrap();
    let config = config_with(folder.path(), &["--town", "Bruges", "--pages", "off"]);
    run_with(config, Clock::System, async |url, _| {
        for path in ["/belfry", "/assets/bells/bells.js"] {
            assert_eq!(get(&format!("{url}{path}")).await.status(), 404, "{path}");
        }
    })
    .await;
}

async fn show(_: Session) -> Result<View, Error> {
    unreachable!("no server has this page")
}

static MISNAMED: Asset = Asset::new("bells", "other.js", b"");
static UNKNOWN: Asset = Asset::new("other", "other.exe", b"");
static KNOWN: Asset = Asset::new("other", "other.js", b"");

#[test]
fn pages_that_do_not_fit_are_refused() {
    let page = |path| Component::new("other").page(Page::new(path, show));
    let allowing = |directive, source| {
        Component::new("other").page(Page::new("/other", show).allow(directive, source))
    };
    for (component, reason) in [
        (page("/login"), "the page /login of the component other would also serve /login"),
        (page("/admin/users/{name}"), "would also serve /admin/users/{id}"),
        (page("/{name}"), "would also serve /login"),
        (page("/bells/{id}"), "would also serve /bells/{name}"),
        (page("/api/other"), "must begin with / and not with /api"),
        (page("/assets/other"), "must begin with / and not with /api"),
        (page("/docs/other"), "must begin with / and not with /api"),
        (page("/"), "must begin with / and not with /api"),
        (page("other"), "must begin with / and not with /api"),
        (page("/other/{rest:.*}"), "must begin with / and not with /api"),
        (page("/other/"), "must begin with / and not with /api"),
        (page("/other").page(Page::new("/other", show)), "has a page \"/other\""),
        (
            Component::new("other").page(Page::new("/other/{id}", show).in_navigation("Other")),
            "is in the navigation",
        ),
        (
            allowing(Directive::ScriptSrc, "'unsafe-inline'"),
            "cannot add 'unsafe-inline' to ScriptSrc",
        ),
        (allowing(Directive::ScriptSrc, "data:"), "cannot add data: to ScriptSrc"),
        (allowing(Directive::ImgSrc, "*"), "cannot add * to ImgSrc"),
        (allowing(Directive::ImgSrc, "http://example.com"), "cannot add http://example.com"),
        (Component::new("other").asset(&MISNAMED), "must name that component"),
        (Component::new("other").asset(&UNKNOWN), "a file of a known kind"),
        (Component::new("other").asset(&KNOWN).asset(&KNOWN), "has an asset \"other.js\""),
    ] {
        let refusal = product().with(component).check().unwrap_err().to_string();
        assert!(refusal.contains(reason), "{refusal} does not contain {reason}");
    }
    let fits = page("/other/new").page(Page::new("/other/{id}", show)).asset(&KNOWN);
    product().with(fits).check().unwrap();
}
