//! DELETE /api/projects/{id}

use super::*;

#[apply(on_both_databases)]
async fn nobody_deletes_a_project(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    server.anonymous.delete(&place).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.get(&place).await.expect(200);
}

#[apply(on_both_databases)]
async fn a_token_that_may_only_read_deletes_none(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    ada.token(&["read"]).await.delete(&place).await.assert_problem(403, "insufficient_scope");
    ada.browser.get(&place).await.expect(200);
}

#[apply(on_both_databases)]
async fn a_strangers_project_is_not_there_and_stays(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let admin = server.sign_up_admin("admin").await;
    let place = make(&ada.browser, "hers").await;
    let before = ada.browser.get(&place).await.expect(200);
    let stranger = grace.token(&["write"]).await;
    for caller in [&grace.browser, &stranger, &admin.browser] {
        caller.delete(&place).await.assert_problem(404, "not_found");
    }
    assert_eq!(ada.browser.get(&place).await.expect(200), before);
}

#[apply(on_both_databases)]
async fn an_id_that_is_none_is_not_there(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for place in unknown_projects() {
        ada.browser.delete(&place).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn a_deleted_project_is_gone_and_its_sister_stays(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "gone").await;
    let sister = make(&ada.browser, "kept").await;
    let reply = ada.browser.delete(&place).await;
    assert_eq!(reply.text, "");
    reply.expect(204);
    ada.browser.get(&place).await.assert_problem(404, "not_found");
    ada.browser.patch(&place, json!({ "name": "x" })).await.assert_problem(404, "not_found");
    ada.browser.delete(&place).await.assert_problem(404, "not_found");
    ada.browser.get(&sister).await.expect(200);
}

#[apply(on_both_databases)]
async fn of_two_who_delete_at_once_one_does(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for _ in 0..10 {
        let place = make(&ada.browser, "contested").await;
        let (one, other) = tokio::join!(ada.browser.delete(&place), ada.browser.delete(&place));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404]);
    }
}

#[apply(on_both_databases)]
async fn a_token_that_may_write_deletes_a_project(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "gone").await;
    ada.token(&["write"]).await.delete(&place).await.expect(204);
    ada.browser.get(&place).await.assert_problem(404, "not_found");
}
