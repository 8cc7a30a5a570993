//! `GET` of the list.

use super::*;

pub async fn list_of_a_new_user_is_empty<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let empty = json!({ "items": [], "previousCursor": null, "nextCursor": null });
    assert_eq!(ada.browser.get(R::PATH).await.expect(200), empty);
}

pub async fn list_shows_only_the_callers_own_items<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let users = [server.sign_up("ada").await, server.sign_up_admin("admin").await];
    let mut all = Vec::new();
    for user in &users {
        all.push(create_item::<R>(&user.browser, &user.id).await);
    }
    for (user, own) in users.iter().zip(&all) {
        assert_eq!(list_items::<R>(&user.browser).await, std::slice::from_ref(&own.shown));
    }
    for (user, own) in users.iter().zip(&all) {
        // This token may itself be an item of the list.
        let mut seen =
            each(&list_items::<R>(&user.token_with_custom_scopes(&["read"]).await).await, "id");
        seen.retain(|id| all.iter().any(|item| item.id == *id));
        assert_eq!(seen, [own.id.as_str()]);
    }
}

pub async fn list_pagination_shows_each_item_once_newest_first<R: UserOwnedResource>(
    backend: Backend,
) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let path = |limit: u8| format!("{}?limit={limit}", R::PATH);
    for label in ["1", "2", "3", "4", "5"] {
        if label == "5" {
            // No empty page follows a full last page.
            assert_eq!(pages(&ada.browser, &path(2)).await.len(), 2);
            assert_eq!(pages(&ada.browser, &path(4)).await.len(), 1);
            assert_eq!(pages(&ada.browser, &path(100)).await.len(), 1);
        }
        create_item::<R>(&ada.browser, label).await;
        create_item::<R>(&grace.browser, &format!("another user's {label}")).await;
    }
    let pages = pages(&ada.browser, &path(2)).await;
    let labels: Vec<_> = pages.iter().map(|page| each(page, R::LABEL)).collect();
    assert_eq!(labels, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
}

pub async fn list_page_holds_20_items_by_default<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    for number in 0..21 {
        create_item::<R>(&ada.browser, &number.to_string()).await;
    }
    let list = ada.browser.get(R::PATH).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 20);
    assert!(list["nextCursor"].is_string());
}

pub async fn list_cursor_of_another_user_shows_nothing<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    create_item::<R>(&ada.browser, "1").await;
    let middle = create_item::<R>(&ada.browser, "2").await;
    create_item::<R>(&ada.browser, "3").await;
    for cursor in ["cursor", "before"] {
        let path = format!("{}?{cursor}={}", R::PATH, middle.id);
        assert_eq!(ada.browser.get(&path).await.expect(200)["items"].as_array().unwrap().len(), 1);
        assert_eq!(grace.browser.get(&path).await.expect(200)["items"], json!([]), "{cursor}");
    }
}

pub async fn list_with_an_invalid_query_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    for query in BAD_PAGES.iter().chain(&["userId=x", "search=x", "state=active"]) {
        let path = format!("{}?{query}", R::PATH);
        let problem = ada.browser.get(&path).await.assert_problem(400, "invalid_query");
        let (_, last) = query.rsplit_once('&').unwrap_or(("", query));
        let named = problem["errors"][0]["field"].as_str();
        assert_eq!(named, last.split('=').next(), "{query}: {problem}");
    }
}

pub async fn list_pagination_is_stable_while_items_are_created_and_deleted<R: UserOwnedResource>(
    backend: Backend,
) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let mut paths = Vec::new();
    for label in ["1", "2", "3", "4", "5"] {
        paths.push(create_item::<R>(&ada.browser, label).await.path);
    }
    let labels = |page: &Value| each(page["items"].as_array().unwrap(), R::LABEL);
    let page = async |field: &str, cursor: &Value| {
        let query = format!("{}?limit=2&{field}={}", R::PATH, cursor.as_str().unwrap());
        ada.browser.get(&query).await.expect(200)
    };
    let first = ada.browser.get(&format!("{}?limit=2", R::PATH)).await.expect(200);
    create_item::<R>(&ada.browser, "6").await;
    // Delete the item of the cursor.
    ada.browser.delete(&paths[3]).await.expect(204);

    let second = page("cursor", &first["nextCursor"]).await;
    let third = page("cursor", &second["nextCursor"]).await;
    assert_eq!(labels(&first), ["5", "4"]);
    assert_eq!(labels(&second), ["3", "2"]);
    assert_eq!(labels(&third), ["1"]);
    assert_eq!(third["nextCursor"], Value::Null);

    // The previous page contains the new item at the start of the list.
    let back = page("before", &second["previousCursor"]).await;
    assert_eq!(labels(&back), ["6", "5"]);
    assert_eq!(back["previousCursor"], Value::Null);
}
