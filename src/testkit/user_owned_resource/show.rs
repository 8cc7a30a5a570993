//! `GET` of an item.

use super::*;

pub async fn show_returns_the_callers_item_by_cookie_and_token<R: UserOwnedResource>(
    backend: Backend,
) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    for caller in [&ada.browser, &ada.token_with_custom_scopes(&["read"]).await] {
        assert_eq!(caller.get(&item.path).await.expect(200), item.shown);
    }
}

pub async fn show_of_another_users_item_is_not_found<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let admin = server.sign_up_admin("admin").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    for caller in [&grace.browser, &grace.token_with_custom_scopes(&["read"]).await, &admin.browser]
    {
        caller.get(&item.path).await.assert_problem(404, "not_found");
    }
}
