//! `PATCH` of an item.

use super::*;

pub async fn update_of_another_users_item_is_not_found<R: UserOwnedResource>(backend: Backend) {
    let update = async |caller: &Caller, path: &str| caller.patch(path, change::<R>()).await;
    assert_write_is_not_found_for_other_users::<R>(backend, update).await;
}

pub async fn update_changes_only_the_given_fields<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    let other = create_item::<R>(&ada.browser, "the other").await;
    let mut expected = item.shown.clone();
    for change in R::valid_changes() {
        server.advance(seconds(1));
        let before = expected.clone();
        for (field, value) in change.as_object().unwrap() {
            expected[field] = value.clone();
        }
        // A change to the value that the item has already may leave the date as it is.
        if expected == before {
            continue;
        }
        if expected.get("updatedAt").is_some() {
            expected["updatedAt"] = json!(server.now().to_string());
        }
        let after = ada.browser.patch(&item.path, change).await.expect(200);
        assert_eq!(after, expected);
        assert_eq!(ada.browser.get(&item.path).await.expect(200), expected);
    }
    assert_unchanged(&ada, &other).await;
}

pub async fn update_with_an_invalid_field_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    for invalid in R::invalid_changes() {
        let body = with_field(change::<R>(), invalid.0, &invalid.1);
        assert_field_rejected(ada.browser.patch(&item.path, body).await, &invalid);
    }
    assert_unchanged(&ada, &item).await;
}

pub async fn update_with_an_unknown_field_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    for (field, value) in owner_id_and_dates(&grace).into_iter().chain(R::unknown_changes()) {
        let reply = ada.browser.patch(&item.path, with_field(change::<R>(), field, &value)).await;
        assert_field_rejected(reply, &(field, value, ""));
    }
    assert_unchanged(&ada, &item).await;
    grace.browser.get(&item.path).await.assert_problem(404, "not_found");
}

pub async fn update_with_nul_in_a_text_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    assert_nul_rejected::<R>(&ada.browser, Method::PATCH, &item.path, json!({})).await;
    assert_unchanged(&ada, &item).await;
}

pub async fn update_with_an_empty_body_changes_nothing<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    server.advance(seconds(1));
    assert_eq!(ada.browser.patch(&item.path, json!({})).await.expect(200), item.shown);
}
