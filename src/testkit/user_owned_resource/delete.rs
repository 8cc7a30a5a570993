//! `DELETE` of an item.

use super::*;

pub async fn delete_of_another_users_item_is_not_found<R: UserOwnedResource>(backend: Backend) {
    let delete = async |caller: &Caller, path: &str| caller.delete(path).await;
    assert_write_is_not_found_for_other_users::<R>(backend, delete).await;
}

pub async fn deleted_item_is_not_found_and_others_remain<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let item = create_item::<R>(&ada.browser, "deleted").await;
    let other = create_item::<R>(&ada.browser, "kept").await;
    let reply = ada.browser.delete(&item.path).await;
    assert_eq!(reply.text, "");
    reply.expect(204);
    ada.browser.get(&item.path).await.assert_problem(404, "not_found");
    ada.browser.patch(&item.path, change::<R>()).await.assert_problem(404, "not_found");
    ada.browser.delete(&item.path).await.assert_problem(404, "not_found");
    assert_eq!(list_items::<R>(&ada.browser).await, [other.shown]);
}

pub async fn concurrent_deletes_of_an_item_succeed_once<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    for _ in 0..rounds(10) {
        let path = create_item::<R>(&ada.browser, "contested").await.path;
        let (one, other) = tokio::join!(ada.browser.delete(&path), ada.browser.delete(&path));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404]);
    }
}
