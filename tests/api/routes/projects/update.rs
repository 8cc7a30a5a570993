//! PATCH /api/projects/{id}

use portcullis::time::seconds;

use super::*;

#[apply(on_both_databases)]
async fn nobody_changes_a_project(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    server
        .anonymous
        .patch(&place, json!({ "name": "x" }))
        .await
        .assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn a_token_that_may_only_read_changes_none(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    let reader = ada.token(&["read"]).await;
    reader.patch(&place, json!({ "name": "x" })).await.assert_problem(403, "insufficient_scope");
    assert_eq!(ada.browser.get(&place).await.expect(200)["name"], "hers");
}

#[apply(on_both_databases)]
async fn a_strangers_project_is_not_there_and_stays_as_it_is(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let admin = server.sign_up_admin("admin").await;
    let place = make(&ada.browser, "hers").await;
    let before = ada.browser.get(&place).await.expect(200);
    server.advance(seconds(1));
    let stranger = grace.token(&["write"]).await;
    for caller in [&grace.browser, &stranger, &admin.browser] {
        caller.patch(&place, json!({ "name": "mine now" })).await.assert_problem(404, "not_found");
    }
    assert_eq!(ada.browser.get(&place).await.expect(200), before);
}

#[apply(on_both_databases)]
async fn an_id_that_is_none_is_not_there(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for place in unknown_projects() {
        ada.browser.patch(&place, json!({ "name": "x" })).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn a_field_that_does_not_fit_is_named(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    let before = ada.browser.get(&place).await.expect(200);
    let names = bad_names().into_iter().map(|name| ("name", json!({ "name": name })));
    let descriptions = bad_descriptions()
        .into_iter()
        .map(|text| ("description", json!({ "name": "x", "description": text })));
    for (field, body) in names.chain(descriptions) {
        let reply = ada.browser.patch(&place, body.clone()).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    for (field, value, message) in bad_fields() {
        let reply = ada.browser.patch(&place, json!({ field: value })).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{value}: {problem}");
        let said = problem["errors"][0]["message"].as_str().unwrap();
        assert!(said == message || message.is_empty(), "{field} {value}: {problem}");
    }
    assert_eq!(ada.browser.get(&place).await.expect(200), before);
}

#[apply(on_both_databases)]
async fn what_is_no_field_is_refused(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let place = make(&ada.browser, "hers").await;
    for body in [
        json!({ "name": "x", "userId": grace.id }),
        json!({ "name": "x", "id": portcullis::store::page::new_id() }),
        json!({ "name": "x", "updatedAt": "2000-01-01T00:00:00.000Z" }),
    ] {
        ada.browser.patch(&place, body).await.assert_problem(422, "validation_failed");
    }
    assert_eq!(ada.browser.get(&place).await.expect(200)["name"], "hers");
    grace.browser.get(&place).await.assert_problem(404, "not_found");
}

#[apply(on_both_databases)]
async fn an_empty_change_leaves_all_but_its_date(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    let before = ada.browser.get(&place).await.expect(200);
    let after = ada.browser.patch(&place, json!({})).await.expect(200);
    assert_eq!(after, before);
}

#[apply(on_both_databases)]
async fn what_is_left_out_stays(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    let before = ada.browser.get(&place).await.expect(200);
    server.advance(seconds(1));

    let mut expected = before.clone();
    expected["name"] = json!("renamed");
    expected["updatedAt"] = json!(server.now().to_string());
    let after = ada.browser.patch(&place, json!({ "name": "renamed" })).await.expect(200);
    assert_eq!(after, expected);

    expected["description"] = json!("new");
    let after = ada.browser.patch(&place, json!({ "description": "new" })).await.expect(200);
    assert_eq!(after, expected);
    assert_eq!(ada.browser.get(&place).await.expect(200), expected);
}

#[apply(on_both_databases)]
async fn null_empties_the_description(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    let after = ada.browser.patch(&place, json!({ "description": null })).await.expect(200);
    assert_eq!(after["description"], Value::Null);
    assert_eq!(after["name"], "hers");
    assert_eq!(ada.browser.get(&place).await.expect(200), after);
}

#[apply(on_both_databases)]
async fn a_token_that_may_write_changes_a_project(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    let writer = ada.token(&["write"]).await;
    assert_eq!(writer.patch(&place, json!({ "name": "x" })).await.expect(200)["name"], "x");
}

#[apply(on_both_databases)]
async fn null_empties_each_field_that_may_be_empty(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({
        "name": "x", "shortName": "engine", "status": "done", "estimatedHours": 7, "dueDate": "2026-11-28"
    });
    let mut expected = ada.browser.post("/api/projects", body).await.expect(201);
    let place = format!("/api/projects/{}", expected["id"].as_str().unwrap());
    for field in ["shortName", "estimatedHours", "dueDate"] {
        expected[field] = Value::Null;
        let after = ada.browser.patch(&place, json!({ field: null })).await.expect(200);
        assert_eq!(after, expected, "{field}");
    }
    for (field, value) in [
        ("shortName", json!("other")),
        ("status", json!("active")),
        ("estimatedHours", json!(8)),
        ("dueDate", json!("2024-02-29")),
    ] {
        expected[field] = value.clone();
        let after = ada.browser.patch(&place, json!({ field: value })).await.expect(200);
        assert_eq!(after, expected, "{field}");
    }
    assert_eq!(ada.browser.get(&place).await.expect(200), expected);
}
