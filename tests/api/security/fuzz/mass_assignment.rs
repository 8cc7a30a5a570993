//! Fields that a client must not be able to set.

use std::cell::Cell;

use portcullis::gate::Body;
use proptest::{collection::btree_map, prelude::*, sample::select};
use reqwest::Method;

use super::{holds, runtime};
use crate::support::*;

/// Generates names that mean something to us somewhere, or to some language, or nothing at all.
fn names() -> impl Strategy<Value = String> {
    let known = select(vec![
        "id",
        "userId",
        "ownerId",
        "role",
        "scopes",
        "isAdmin",
        "emailVerified",
        "createdAt",
        "updatedAt",
        "deactivatedAt",
        "state",
        "prefix",
        "user_id",
        "__proto__",
        "constructor",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "[a-zA-Z_]{1,12}"]
}

fn values() -> impl Strategy<Value = Value> {
    select(vec![
        json!("admin"),
        json!(true),
        json!(null),
        json!(1),
        json!([]),
        json!(["admin"]),
        json!({}),
        json!("019ab000-0000-7000-8000-000000000000"),
        json!("2000-01-01T00:00:00Z"),
    ])
}

/// Invariant: in our own operations a body with any undocumented field is rejected, and the problem names that
/// field.
#[test]
fn undocumented_body_field_is_a_validation_error_that_names_it() {
    let runtime = runtime();
    let (server, admin, document) = runtime.block_on(async {
        let server = Backend::Sqlite.start().await;
        let admin = server.sign_up_admin("admin").await;
        let document = server.anonymous.get("/openapi.json").await.expect(200);
        (server, admin, document)
    });
    let own: Vec<&str> = product()
        .rows()
        .into_iter()
        .filter(|operation| operation.access.body == Body::Own)
        .map(|operation| operation.id)
        .collect();
    assert!(own.len() >= 7, "{own:?}");
    for operation in
        Operation::all(&document).iter().filter(|operation| own.contains(&operation.id))
    {
        let content = &operation.value["requestBody"]["content"]["application/json"];
        let schema = content["schema"]["$ref"].as_str().unwrap().trim_start_matches('#');
        let known = &document.pointer(schema).unwrap()["properties"];
        let names = names().prop_filter("unknown", |name| known.get(name).is_none());
        let path = operation.path.replace("{id}", &admin.id);
        holds(&runtime, 16, (names, values()), async |(name, value)| {
            let mut body = operation.example().unwrap().clone();
            body[&name] = value;
            let request = admin.browser.request(operation.method.clone(), &path);
            let problem =
                Reply::of(request.json(&body)).await.assert_problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], name);
        });
    }
    drop(server);
}

/// Invariant: whatever other fields the bodies of the protocol have, a user can set only their own name and
/// picture.
#[test]
fn sign_up_and_update_user_cannot_set_role_id_or_email_verified() {
    let runtime = runtime();
    let (server, ada, before) = runtime.block_on(async {
        let server = Backend::Sqlite.start().await;
        let ada = server.sign_up("ada").await;
        let before = ada.browser.get("/api/me").await.expect(200);
        (server, ada, before)
    });
    let further = || btree_map(names(), values(), 1..5);
    holds(&runtime, 40, further(), async |further| {
        let mut body = json!({ "name": "Ada" });
        body.as_object_mut().unwrap().extend(further);
        let request = ada.browser.request(Method::POST, "/api/auth/update-user").json(&body);
        let status = Reply::of(request).await.status;
        assert!([200, 400].contains(&status.as_u16()), "{status}");
        let after = ada.browser.get("/api/me").await.expect(200);
        for (member, value) in before["user"].as_object().unwrap() {
            if !["name", "updatedAt"].contains(&member.as_str()) {
                assert_eq!(after["user"][member], *value, "{member}");
            }
        }
    });
    let number = Cell::new(0);
    holds(&runtime, 8, further(), async |further| {
        number.set(number.get() + 1);
        let email = format!("eve{}@example.com", number.get());
        let mut body = json!({ "name": "Eve", "email": email, "password": PASSWORD });
        body.as_object_mut().unwrap().extend(further);
        let reply = server.anonymous.post("/api/auth/sign-up/email", body).await;
        if reply.status != 200 {
            reply.assert_problem(400, "FIELD_NOT_ALLOWED");
            return;
        }
        let user = &reply.json()["user"];
        assert_eq!((&user["role"], &user["emailVerified"]), (&json!("user"), &json!(false)));
        assert_ne!(user["id"], "019ab000-0000-7000-8000-000000000000");
        assert_ne!(user["createdAt"], "2000-01-01T00:00:00Z");
    });
}
