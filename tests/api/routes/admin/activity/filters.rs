//! The filters of the activity log, in the API and on the page.

use super::*;

/// Returns the events that match, in pages and at once.
async fn matching(admin: &TestUser, query: &str) -> Vec<Value> {
    let pages = pages(&admin.browser, &format!("{PATH}?limit=2&{query}")).await;
    let all = pages.concat();
    let whole = admin.browser.get(&format!("{PATH}?limit=100&{query}")).await.expect(200);
    assert_eq!(whole["items"], json!(all), "{query}");
    all
}

fn shown<'a>(events: &'a [Value]) -> Vec<(&'a str, &'a str)> {
    let text = |event: &'a Value, name: &str| event[name].as_str().unwrap();
    events.iter().map(|event| (text(event, "action"), text(event, "subjectId"))).collect()
}

#[apply(on_both_databases)]
async fn list_activity_filters_by_actor_subject_action_and_network(backend: Backend) {
    let server = backend.start_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let admin = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    let create = async |address: &str| {
        let request =
            ada.browser.request(Method::POST, "/api/tokens").json(&json!({ "name": "x" }));
        Reply::of(request.header("X-Forwarded-For", address)).await.expect(201)
    };
    create("203.0.113.7").await;
    create("203.0.113.8").await;
    create("2001:db8:1:2::7").await;
    admin.browser.patch(&user_path(&ada), json!({ "name": "Ida" })).await.expect(200);

    let (ada, root) = (ada.id.as_str(), admin.id.as_str());
    let by_ada = matching(&admin, &format!("actorId={ada}&action=token-created")).await;
    assert_eq!(shown(&by_ada), [("token-created", ada); 3]);
    let by_root = matching(&admin, &format!("actorId={root}&action=user-updated")).await;
    assert_eq!(shown(&by_root), [("user-updated", ada)]);
    let of_ada = matching(&admin, &format!("subjectId={ada}&actorId={root}")).await;
    assert_eq!(of_ada, by_root);
    assert_eq!(matching(&admin, "action=user-reactivated").await, Vec::<Value>::new());
    for network in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8:1:2::9", "2001:db8:1:2::/64"] {
        let found = matching(&admin, &format!("network={network}")).await;
        assert_eq!(shown(&found), [("token-created", ada)], "{network}");
    }
    assert_eq!(matching(&admin, "network=203.0.113.9").await.len(), 0);
}

#[apply(on_both_databases)]
async fn list_activity_filters_by_time_to_the_microsecond(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    let first = server.now() + seconds(10);
    // Two events in one millisecond, which only the microseconds tell apart.
    for micros in [0, 1] {
        server.clock.set(Timestamp::from_micros(first.micros() / 1000 * 1000 + micros));
        ada.create_token(json!({ "name": micros.to_string() })).await;
    }
    let at = |micros: i64| {
        let shown = Timestamp::from_micros(first.micros() / 1000 * 1000).to_string();
        shown.replace('Z', &format!("{micros:03}Z"))
    };
    for (query, count) in [
        (format!("since={}", at(0)), 2),
        (format!("since={}", at(1)), 1),
        (format!("since={}", at(2)), 0),
        (format!("since={}&until={}", at(0), at(1)), 1),
        (format!("since={}&until={}", at(0), at(2)), 2),
        (format!("since={}&until={}", at(1), at(0)), 0),
        (format!("since={}&subjectId={}", at(0), ada.id), 2),
        (format!("since={}&subjectId={}", at(0), admin.id), 0),
    ] {
        assert_eq!(matching(&admin, &query).await.len(), count, "{query}");
    }
}

#[apply(on_both_databases)]
async fn events_of_one_instant_are_listed_in_their_order(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    // The clock of the server stands still.
    for number in 0..20 {
        ada.create_token(json!({ "name": number.to_string() })).await;
    }
    let query = format!("actorId={}&action=token-created", ada.id);
    let events = matching(&admin, &query).await;
    let ids: Vec<&str> =
        events.iter().map(|event| event["detail"]["tokenId"].as_str().unwrap()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(ids, sorted);
}

#[apply(on_both_databases)]
async fn activity_page_filters_without_script_and_shows_errors_beside_fields(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    ada.create_token(json!({ "name": "backup" })).await;
    let see = async |query: &str| {
        let reply = admin.browser.navigate(&format!("/admin/activity?{query}")).await;
        assert_eq!(reply.status, 200, "{query}");
        reply.text
    };
    let created = "created the token “backup”";
    let day = &server.now().to_string()[..10];
    for query in [
        "actor=ada@example.com".to_owned(),
        "subject=ada&action=token-created".to_owned(),
        "network=127.0.0.1".to_owned(),
        format!("since={day}&until={day}"),
        "actor=&subject=&action=&network=&since=&until=".to_owned(),
    ] {
        assert!(see(&query).await.contains(created), "{query}");
    }
    for query in ["actor=root", "action=user-updated", "network=192.0.2.1", "until=2020-01-01"] {
        assert!(!see(query).await.contains(created), "{query}");
    }
    assert!(see("until=2020-01-01").await.contains("No events match."));
    for (query, error) in [
        ("subject=nobody", "No user has this name"),
        ("actor=nobody", "No user has this name"),
        ("action=none", "There is no choice"),
        ("network=x", "This must be an IP address"),
        ("since=yesterday", "This must be a date"),
        ("until=yesterday", "This must be a date"),
    ] {
        let page = see(query).await;
        assert!(page.contains(error), "{query}: {page}");
        assert!(!page.contains(created), "{query}: an invalid filter shows nothing");
        assert!(!page.contains("No events match."), "{query}");
    }
    let user = admin.browser.navigate(&format!("/admin/users/{}", ada.id)).await.text;
    assert!(user.contains(&format!("/admin/activity?subject={}", ada.id)), "{user}");
}
