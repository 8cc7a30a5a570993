//! `/api/tokens`

mod create;
mod list;
mod rename;
mod revoke;
mod show;

use portcullis::product::Product;

use crate::support::*;

const PATH: &str = "/api/tokens";

/// Returns the path of a token.
fn token_path(token: &Value) -> String {
    format!("{PATH}/{}", token["id"].as_str().unwrap())
}

/// Returns a caller with a token from the response that created it.
fn token_caller(server: &Server, created: &Value) -> Caller {
    server.anonymous.with_token(created["token"].as_str().unwrap())
}

/// Returns a created token as later responses show it: without the secret.
fn public_token(created: &Value) -> Value {
    let mut token = created.clone();
    token.as_object_mut().unwrap().remove("token").unwrap();
    token
}

/// Tokens as a user-owned resource: a token cannot manage tokens, only its name can be changed, and a revoked token
/// stays in the list.
struct ApiTokens;

impl UserOwnedResource for ApiTokens {
    fn product() -> Product {
        product()
    }

    const PATH: &'static str = PATH;
    const LABEL: &'static str = "name";
    const TOKENS_MAY_WRITE: bool = false;

    fn body(label: &str) -> Value {
        json!({ "name": label })
    }

    fn valid_bodies() -> Vec<Value> {
        vec![
            json!({ "name": "x".repeat(100), "scopes": ["read"], "expiresInDays": 1 }),
            json!({ "name": "x", "scopes": ["write"], "expiresInDays": 3650 }),
            json!({ "name": "x", "scopes": ["read", "write"] }),
        ]
    }

    fn valid_changes() -> Vec<Value> {
        vec![json!({ "name": "renamed" }), json!({ "name": "x".repeat(100) })]
    }

    fn invalid_fields() -> Vec<InvalidField> {
        let mut invalid = Self::invalid_changes();
        invalid.extend([
            ("scopes", json!([]), ""),
            ("scopes", json!(["read", "write", "read", "write"]), ""),
            ("scopes", json!("read"), ""),
            ("scopes[1]", json!(["read", "root"]), ""),
            ("scopes[0]", json!(["READ"]), ""),
        ]);
        let numbers = [json!(0), json!(3651)];
        invalid.extend(numbers.map(|number| ("expiresInDays", number, "must be 1 to 3650")));
        let others = [json!(-1), json!(1.5), json!("30"), json!(4_294_967_297_u64)];
        invalid.extend(others.map(|other| ("expiresInDays", other, "")));
        invalid
    }

    fn invalid_changes() -> Vec<InvalidField> {
        let texts = ["", " ", &"a".repeat(101), "two\nlines", "a nul \0"].map(Value::from);
        texts.into_iter().chain([json!(7), Value::Null]).map(|name| ("name", name, "")).collect()
    }

    fn unknown_fields() -> Vec<(&'static str, Value)> {
        vec![
            ("expiresAt", json!("2999-01-01T00:00:00.000Z")),
            ("token", json!(Server::unknown_token())),
            ("prefix", json!("sk_live_")),
        ]
    }

    fn unknown_changes() -> Vec<(&'static str, Value)> {
        vec![
            ("scopes", json!(["read", "write"])),
            ("expiresInDays", json!(3650)),
            ("expiresAt", Value::Null),
            ("revokedAt", Value::Null),
        ]
    }

    fn shown(created: Value) -> Value {
        public_token(&created)
    }
}

user_owned_resource!(contract: ApiTokens; access, list, create, show, update, delete);
