//! GET /api/projects

use super::*;

const PATH: &str = "/api/projects";

#[apply(on_both_databases)]
async fn nobody_has_projects(backend: Backend) {
    let server = backend.start().await;
    server.anonymous.get(PATH).await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn a_token_that_may_only_write_sees_none(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    ada.token(&["write"]).await.get(PATH).await.assert_problem(403, "insufficient_scope");
}

#[apply(on_both_databases)]
async fn a_query_that_is_not_understood_is_refused(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for query in BAD_PAGES.iter().chain(&["userId=x", "search=x"]) {
        ada.browser.get(&format!("{PATH}?{query}")).await.assert_problem(400, "invalid_query");
    }
    let problem =
        ada.browser.get(&format!("{PATH}?limit=0")).await.assert_problem(400, "invalid_query");
    assert_eq!(problem["errors"][0]["field"], "limit");
}

#[apply(on_both_databases)]
async fn without_projects_the_list_is_empty(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let empty = json!({ "items": [], "previousCursor": null, "nextCursor": null });
    assert_eq!(ada.browser.get(PATH).await.expect(200), empty);
}

#[apply(on_both_databases)]
async fn everybody_sees_their_own(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    make(&ada.browser, "ada's").await;
    make(&grace.browser, "grace's").await;
    for (person, name) in [(&ada, "ada's"), (&grace, "grace's")] {
        for caller in [&person.browser, &person.token(&["read"]).await] {
            let list = caller.get(PATH).await.expect(200);
            assert_eq!(each(list["items"].as_array().unwrap(), "name"), [name]);
        }
    }
}

#[apply(on_both_databases)]
async fn pages_show_each_project_once_and_the_newest_first(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for name in ["1", "2", "3", "4", "5"] {
        make(&ada.browser, name).await;
    }
    let seen: Vec<_> = pages(&ada.browser, &format!("{PATH}?limit=2"))
        .await
        .iter()
        .map(|page| each(page, "name"))
        .collect();
    assert_eq!(seen, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
}

#[apply(on_both_databases)]
async fn a_last_page_that_is_full_says_that_it_is_the_last(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for name in ["1", "2", "3", "4"] {
        make(&ada.browser, name).await;
    }
    assert_eq!(pages(&ada.browser, &format!("{PATH}?limit=2")).await.len(), 2);
    assert_eq!(pages(&ada.browser, &format!("{PATH}?limit=4")).await.len(), 1);
    assert_eq!(pages(&ada.browser, &format!("{PATH}?limit=100")).await.len(), 1);
}

#[apply(on_both_databases)]
async fn a_page_holds_20_when_nobody_says(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for number in 0..21 {
        make(&ada.browser, &number.to_string()).await;
    }
    let list = ada.browser.get(PATH).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 20);
    assert!(list["nextCursor"].is_string());
}

#[apply(on_both_databases)]
async fn what_comes_and_goes_between_pages_does_not_shift_them(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut places = Vec::new();
    for name in ["1", "2", "3", "4", "5"] {
        places.push(make(&ada.browser, name).await);
    }
    let next = async |cursor: &Value| {
        let query = format!("{PATH}?limit=2&cursor={}", cursor.as_str().unwrap());
        ada.browser.get(&query).await.expect(200)
    };
    let first = ada.browser.get(&format!("{PATH}?limit=2")).await.expect(200);
    make(&ada.browser, "6").await;
    // The very row that the cursor names.
    ada.browser.delete(&places[3]).await.expect(204);

    let second = next(&first["nextCursor"]).await;
    let third = next(&second["nextCursor"]).await;
    assert_eq!(each(first["items"].as_array().unwrap(), "name"), ["5", "4"]);
    assert_eq!(each(second["items"].as_array().unwrap(), "name"), ["3", "2"]);
    assert_eq!(each(third["items"].as_array().unwrap(), "name"), ["1"]);
    assert_eq!(third["nextCursor"], Value::Null);

    // And back, to the project that is new at the start of the list.
    let previous = async |page: &Value| {
        let query = format!("{PATH}?limit=2&before={}", page["previousCursor"].as_str().unwrap());
        ada.browser.get(&query).await.expect(200)
    };
    let back = previous(&second).await;
    assert_eq!(each(back["items"].as_array().unwrap(), "name"), ["6", "5"]);
    assert_eq!(back["previousCursor"], Value::Null);
}

#[apply(on_both_databases)]
async fn a_strangers_cursor_opens_nothing(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    make(&ada.browser, "1").await;
    let hers = make(&ada.browser, "2").await;
    let cursor = hers.rsplit('/').next().unwrap();
    let list = grace.browser.get(&format!("{PATH}?cursor={cursor}")).await.expect(200);
    assert_eq!(list["items"], json!([]));
}
