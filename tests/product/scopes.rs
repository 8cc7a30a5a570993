//! The product's own scope of API tokens.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use portcullis::{docs, openapi, scope, time::Clock};
use reqwest::{Response, header};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{http, post, product, run, sign_up};

scope!(pub Locks = "belfry:locks", "lock the doors");
scope!(pub Writing = "write", "write");
scope!(pub Nameless = "", "nothing");
scope!(pub Loud = "Loud keys", "open loudly");

/// Close the door
#[utoipa::path(post, path = "/api/closed", responses((status = 204, description = "It is closed")))]
pub async fn close_door(_: Locks) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

const DOOR: &str = "/api/belfry/door";

/// Creates a token with these scopes, and returns the response.
async fn create_token(url: &str, cookie: &str, scopes: &[&str]) -> Value {
    let body = json!({ "name": "key", "scopes": scopes });
    post(url, "/api/tokens", cookie, &body).await.json().await.unwrap()
}

async fn with_token(url: &str, method: reqwest::Method, path: &str, created: &Value) -> Response {
    let token = created["token"].as_str().unwrap();
    http().request(method, format!("{url}{path}")).bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn token_needs_the_scope_of_the_product_and_a_cookie_has_it() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        assert_eq!(post(url, DOOR, &cookie, &json!({})).await.status(), 204);
        let open =
            async |created: &Value| with_token(url, reqwest::Method::POST, DOOR, created).await;

        let without = create_token(url, &cookie, &["read", "write"]).await;
        let refused = open(&without).await;
        assert_eq!(refused.status(), 403);
        assert_eq!(
            refused.headers()[header::WWW_AUTHENTICATE],
            r#"Bearer error="insufficient_scope", scope="write belfry:keys""#
        );
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["code"], "insufficient_scope");
        assert!(problem["detail"].as_str().unwrap().contains("write belfry:keys"), "{problem}");

        // It is required in addition to the method's.
        let alone = create_token(url, &cookie, &["belfry:keys"]).await;
        assert_eq!(open(&alone).await.status(), 403);

        let with = create_token(url, &cookie, &["belfry:keys", "write", "read"]).await;
        assert_eq!(with["scopes"], json!(["read", "write", "belfry:keys"]));
        assert_eq!(open(&with).await.status(), 204);
        for (created, scopes) in
            [(&with, json!(["read", "write", "belfry:keys"])), (&without, json!(["read", "write"]))]
        {
            let me = with_token(url, reqwest::Method::GET, "/api/me", created).await;
            assert_eq!(me.json::<Value>().await.unwrap()["scopes"], scopes);
        }
        let me = http().get(format!("{url}/api/me")).header(header::COOKIE, &cookie);
        let me: Value = me.send().await.unwrap().json().await.unwrap();
        assert_eq!(me["scopes"], json!(["read", "write", "belfry:keys"]));
    })
    .await;
}

#[tokio::test]
async fn token_can_have_only_scopes_that_exist() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        let problem = create_token(url, &cookie, &["read", "belfry:locks"]).await;
        assert_eq!(problem["code"], "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "scopes[1]");
        let message = &problem["errors"][0]["message"];
        assert_eq!(message, "must be one of read, write, admin, belfry:keys");
        let none = create_token(url, &cookie, &[]).await;
        assert_eq!(none["errors"][0]["field"], "scopes");

        let page = http().get(format!("{url}/settings/tokens")).header(header::COOKIE, &cookie);
        let page = page.send().await.unwrap().text().await.unwrap();
        assert!(page.contains(r#"name="scopes" value="belfry:keys""#), "{page}");
        assert!(page.contains("open the doors of the belfry"), "{page}");
    })
    .await;
}

#[test]
fn document_routes_and_command_line_list_the_scope_of_the_product() {
    product().check().unwrap();
    let document = json!(openapi::document(&product(), "x"));
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Scope"]["enum"], json!(["read", "write", "admin", "belfry:keys"]));
    assert_eq!(schemas["CreateToken"]["properties"]["scopes"]["maxItems"], 4);
    let door = &document["paths"][DOOR]["post"];
    assert_eq!(door["security"], json!([{ "cookie": [] }, { "bearer": ["write", "belfry:keys"] }]));
    assert!(door["responses"]["403"].to_string().contains("insufficient_scope"), "{door}");

    let routes = docs::route_table(&product());
    let row = routes.lines().find(|line| line.contains("`/api/belfry/door`")).unwrap();
    assert!(row.contains("| `write`, `belfry:keys` |"), "{row}");

    let create = ["belfry-tower", "token", "create", "--email", "ada@example.com", "--name", "key"];
    let parse = |scope: &str| {
        product().command().try_get_matches_from(create.iter().chain(&["--scope", scope]))
    };
    parse("read,belfry:keys").unwrap();
    let refusal = parse("belfry:locks").unwrap_err().to_string();
    let shown: BTreeSet<&str> = refusal.split(['[', ']', ',', ' ', '\n']).collect();
    assert!(shown.contains("belfry:keys") && shown.contains("admin"), "{refusal}");
}
