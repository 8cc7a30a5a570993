//! The product's own rate limit.

use actix_web::HttpResponse;
use portcullis::{docs, gate::Session, openapi, rate_limit, time::Clock};
use reqwest::{Response, header};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{config_with, http, product, run, run_with, sign_up};

rate_limit!(pub Minutes = "minutes", 10 per minute);
rate_limit!(pub Tokens = "tokens", 10 per minute);
rate_limit!(pub Nameless = "", 10 per second);
rate_limit!(pub Loud = "Loud_", 10 per day);

/// Ask for the minute
#[utoipa::path(get, path = "/api/minute", responses((status = 204, description = "It strikes")))]
pub async fn show_minute(_: Session, _: Minutes) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

const HOUR: &str = "/api/belfry/hour";

async fn ask(url: &str, cookie: &str) -> Response {
    let request = http().get(format!("{url}{HOUR}"));
    let request = if cookie.is_empty() { request } else { request.header(header::COOKIE, cookie) };
    request.send().await.unwrap()
}

#[tokio::test]
async fn limit_counts_each_user_and_the_ip_address_of_anonymous_callers() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::manual(Clock::System.now()), async |url, _| {
        let (_, ada) = sign_up(url, "ada").await;
        let (_, grace) = sign_up(url, "grace").await;
        for caller in [&ada, &grace, ""] {
            for left in [1, 0] {
                let response = ask(url, caller).await;
                assert_eq!(response.status(), 204, "{caller}");
                assert_eq!(response.headers()["ratelimit-policy"], r#""belfry-hours";q=2;w=3600"#);
                let status = format!(r#""belfry-hours";r={left};t=1800"#);
                assert_eq!(response.headers()["ratelimit"], status.as_str());
            }
            let refused = ask(url, caller).await;
            assert_eq!(refused.status(), 429, "{caller}");
            assert_eq!(refused.headers()["ratelimit"], r#""belfry-hours";r=0;t=1800"#);
            assert_eq!(refused.headers()[header::RETRY_AFTER], "1800");
            assert_eq!(refused.json::<Value>().await.unwrap()["code"], "too_many_requests");
        }
    })
    .await;
}

#[tokio::test]
async fn setting_changes_the_limit_or_disables_it() {
    for (rate, allowed) in [("1/1m", 1), ("off", 5)] {
        let folder = TempDir::new().unwrap();
        let settings = ["--town", "Bruges", "--limit-belfry-hours", rate];
        run_with(config_with(folder.path(), &settings), Clock::System, async |url, _| {
            let mut statuses = Vec::new();
            for _ in 0..5 {
                statuses.push(ask(url, "").await.status().as_u16());
            }
            let served = statuses.iter().filter(|status| **status == 204).count();
            assert_eq!(served, allowed, "{rate}: {statuses:?}");
        })
        .await;
    }
}

#[test]
fn setting_is_listed_and_the_routes_and_the_document_declare_the_limit() {
    product().check().unwrap();
    let help = product().command().term_width(0).render_long_help().to_string();
    let (_, section) = help.split_once("\nBelfry Tower:\n").unwrap();
    for text in ["--limit-belfry-hours <RATE>", "[env: BELFRY_TOWER_LIMIT_BELFRY_HOURS=]", "2/1h"] {
        assert!(section.contains(text), "{text} is missing in {section}");
    }
    let wrong = ["belfry-tower", "--limit-belfry-hours", "often"];
    product().command().try_get_matches_from(wrong).unwrap_err();

    let routes = docs::route_table(&product());
    let row = routes.lines().find(|line| line.contains("`/api/belfry/hour`")).unwrap();
    assert!(row.contains("| `BELFRY_TOWER_LIMIT_BELFRY_HOURS` |"), "{row}");
    let document = json!(openapi::document(&product(), "x"));
    assert!(document["paths"][HOUR]["get"]["responses"]["429"].is_object());
}
