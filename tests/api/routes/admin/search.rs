//! /api/admin/users?search=

use portcullis::{
    secrets::LinkSecret,
    store::{first_admin, users::search as user_search},
    time::seconds,
};

use super::*;

/// Searches, and returns the whole response.
async fn search(admin: &Caller, text: &str, more: &str) -> Value {
    let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    admin.get(&format!("{USERS}?search={text}{more}")).await.expect(200)
}

/// Returns the names of the users that a search finds.
async fn found(admin: &Caller, text: &str) -> Vec<String> {
    each(search(admin, text, "").await["items"].as_array().unwrap(), "name")
}

/// Adds users with SQL, past the server's own writes: `i` is the number of a user, `name` and `email` are
/// expressions.
async fn add_by_sql(server: &Server, numbers: std::ops::Range<usize>, name: &str, email: &str) {
    let (first, last) = (numbers.start, numbers.end - 1);
    let sql = format!(
        "INSERT INTO users (id, name, email, email_verified, role, created_at, updated_at)
         WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
         SELECT '01900000-0000-7000-8000-' || CAST(100000000000 + i AS TEXT), {name}, {email}, TRUE, 'user',
             (SELECT min(created_at) FROM users), (SELECT min(created_at) FROM users) FROM n"
    );
    execute(server, &sql).await;
}

/// Adds users that are missing from the search index, as the server does every few seconds.
async fn index_all(server: &Server) {
    while user_search::index_some(&server.state.store).await.unwrap() > 0 {}
}

async fn unindexed(server: &Server) -> Vec<String> {
    let condition = match server.state.store.database() {
        portcullis::store::Database::Sqlite(_) => "search_indexed = 0",
        portcullis::store::Database::Postgres(_) => "NOT search_indexed",
    };
    select(server, &format!("SELECT email AS value FROM users WHERE {condition} ORDER BY 1")).await
}

#[apply(on_both_databases)]
async fn search_users_matches_word_prefixes_in_any_order_case_or_accent(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    for (name, email) in [
        ("Ada Lovelace", "ada@example.com"),
        ("100% Grace", "grace.hopper@example.org"),
        ("Zürich Straße", "city@example.com"),
        ("ÉCOLE Ødegård", "school@example.com"),
        ("İpek Łukasz", "ipek@example.com"),
        ("Елена Ёлкина", "elena@example.com"),
        ("王 伟", "wang@example.com"),
    ] {
        create_user(&admin.browser, name, email).await;
    }
    for (text, names) in [
        ("ada", &["Ada Lovelace"] as &[_]),
        ("LOVE ada", &["Ada Lovelace"]),
        ("  lovelace,ADA ", &["Ada Lovelace"]),
        ("ovelace", &[]),
        ("ada grace", &[]),
        ("hopper", &["100% Grace"]),
        ("grace hop", &["100% Grace"]),
        ("100%", &["100% Grace"]),
        ("example.org", &["100% Grace"]),
        ("@example.org", &["100% Grace"]),
        ("GRACE.HOPPER@EXAMPLE.ORG", &["100% Grace"]),
        ("grace.hopper@exa", &["100% Grace"]),
        ("Grace <grace.hopper@example.org>", &["100% Grace"]),
        ("zurich strasse", &["Zürich Straße"]),
        ("ZU\u{308}RICH", &["Zürich Straße"]),
        ("STRASSE", &["Zürich Straße"]),
        ("école", &["ÉCOLE Ødegård"]),
        ("odegard", &["ÉCOLE Ødegård"]),
        ("ipek LUKASZ", &["İpek Łukasz"]),
        ("елкина елена", &["Елена Ёлкина"]),
        ("伟", &["王 伟"]),
        ("%", &[]),
        ("_", &[]),
        (r"\", &[]),
        ("'", &[]),
        ("anonymous", &[]),
    ] {
        assert_eq!(found(&admin.browser, text).await, names, "{text}");
    }
}

#[apply(on_both_databases)]
async fn search_users_by_id_or_full_email_finds_only_that_user(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    create_user(&admin.browser, "longer", "ada@example.com.au").await;
    let ada = create_user(&admin.browser, "Ada", "ada@example.com").await;
    let id = ada["id"].as_str().unwrap();
    for text in
        [id, &id.to_uppercase(), &format!("  {id} "), "ada@example.com", " ADA@Example.com "]
    {
        assert_eq!(found(&admin.browser, text).await, ["Ada"], "{text}");
    }
    assert_eq!(found(&admin.browser, "ada@example.co").await, ["Ada", "longer"]);
    assert_eq!(found(&admin.browser, &portcullis::store::page::new_id()).await, [""; 0]);
    // A filter applies to an id as well, and so does a page's limit.
    let none = search(&admin.browser, id, "&role=admin").await;
    assert_eq!(none, json!({ "items": [], "previousCursor": null, "nextCursor": null }));
    let after = search(&admin.browser, id, &format!("&cursor={id}")).await;
    assert_eq!(after["items"], json!([]));
}

#[apply(on_both_databases)]
async fn search_users_by_common_word_is_truncated_at_1000_results(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    add_by_sql(&server, 0..1000, "'Li ' || i", "'u' || i || '@example.com'").await;
    index_all(&server).await;
    let all = search(&admin.browser, "li", "&limit=100").await;
    assert_eq!(all["truncated"], Value::Null, "a thousand results are complete");
    assert_eq!(all["items"][0]["name"], "Li 999");
    let names: Vec<_> =
        pages(&admin.browser, &format!("{USERS}?search=li&limit=100")).await.concat();
    assert_eq!(names.len(), 1000);

    add_by_sql(&server, 1000..1600, "'Li ' || i", "'u' || i || '@example.com'").await;
    index_all(&server).await;
    let cut = search(&admin.browser, "li", "&limit=100").await;
    assert_eq!(cut["truncated"], true);
    let names: Vec<_> =
        pages(&admin.browser, &format!("{USERS}?search=li&limit=100")).await.concat();
    assert_eq!(names.len(), 1000);
    let names = each(&names, "name");
    let newest: Vec<String> = (600..1600).rev().map(|number| format!("Li {number}")).collect();
    assert_eq!(names, newest, "the newest users with the whole word");

    // Each further word narrows the result, and a rare one makes it complete.
    assert_eq!(found(&admin.browser, "li 1599").await, ["Li 1599"]);
    assert_eq!(search(&admin.browser, "li 1599", "").await["truncated"], Value::Null);
    assert_eq!(
        found(&admin.browser, "1 li").await.len(),
        20,
        "a prefix with many matches, on pages"
    );
    assert_eq!(search(&admin.browser, "l", "").await["truncated"], true);
}

#[apply(on_both_databases)]
async fn search_users_with_selective_filter_finds_users_beyond_the_newest_1000(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    // Older than all others: not among the thousand newest.
    add_by_sql(&server, 0..1, "'Li Admin'", "'first@example.org'").await;
    execute(&server, "UPDATE users SET role = 'admin' WHERE name = 'Li Admin'").await;
    add_by_sql(&server, 1..2, "'Li Gone'", "'gone@example.org'").await;
    let now = "(SELECT max(created_at) FROM users)";
    let sql = format!("UPDATE users SET deactivated_at = {now} WHERE name = 'Li Gone'");
    execute(&server, &sql).await;
    add_by_sql(&server, 2..1500, "'Li ' || i", "'u' || i || '@example.com'").await;
    index_all(&server).await;
    for (filter, name) in [("&role=admin", "Li Admin"), ("&state=deactivated", "Li Gone")] {
        let list = search(&admin.browser, "li", filter).await;
        assert_eq!(each(list["items"].as_array().unwrap(), "name"), [name], "{filter}");
        assert_eq!(
            list["truncated"],
            Value::Null,
            "{filter}: all users that match the filter were searched"
        );
    }
    let list = search(&admin.browser, "li", "&role=user&state=active").await;
    assert_eq!(list["truncated"], true);
}

#[apply(on_both_databases)]
async fn search_users_by_two_common_words_finds_the_user_with_both(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    // The oldest, after a thousand others that have one of the words, but never both.
    add_by_sql(&server, 0..1, "'Wei Li'", "'both@example.org'").await;
    add_by_sql(&server, 1..1200, "'Li ' || i", "'one' || i || '@example.com'").await;
    add_by_sql(&server, 1200..2400, "'Wei ' || i", "'other' || i || '@example.com'").await;
    index_all(&server).await;
    for text in ["li wei", "WEI LI"] {
        let list = search(&admin.browser, text, "").await;
        assert_eq!(each(list["items"].as_array().unwrap(), "name"), ["Wei Li"], "{text}");
        assert_eq!(list["truncated"], true);
    }
}

#[apply(on_both_databases)]
async fn search_users_finds_users_added_or_changed_by_sql_once_indexed(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    assert_eq!(unindexed(&server).await, [""; 0]);
    add_by_sql(&server, 0..500, "'Seeded ' || i", "'seeded' || i || '@example.com'").await;
    let sql = format!("UPDATE users SET name = 'Augusta' WHERE id = '{}'", ada.id);
    execute(&server, &sql).await;
    // The server itself may have indexed some of them.
    index_all(&server).await;
    assert_eq!(unindexed(&server).await, [""; 0]);
    assert_eq!(found(&admin.browser, "seeded 499").await, ["Seeded 499"]);
    assert_eq!(found(&admin.browser, "augusta").await, ["Augusta"]);
    assert_eq!(found(&admin.browser, "ada").await, ["Augusta"], "the email has not changed");
    let sql = format!("UPDATE users SET email = 'augusta@example.org' WHERE id = '{}'", ada.id);
    execute(&server, &sql).await;
    index_all(&server).await;
    assert_eq!(found(&admin.browser, "ada").await, [""; 0]);
    assert_eq!(found(&admin.browser, "augusta@example.org").await, ["Augusta"]);
}

#[apply(on_both_databases)]
async fn search_users_reports_indexing_while_some_users_are_not_indexed(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    // The server starts to index them within seconds, and needs more than one transaction.
    add_by_sql(&server, 0..20_000, "'Seeded ' || i", "'seeded' || i || '@example.com'").await;
    assert_eq!(search(&admin.browser, "admin", "").await["indexing"], true);
    let page = admin.browser.navigate("/admin?search=admin").await.text;
    assert!(page.contains("not in the search index yet"), "{page}");
    for _ in 0..600 {
        if search(&admin.browser, "seeded", "").await["indexing"].is_null() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the server indexes users that SQL has added");
}

#[apply(on_both_databases)]
async fn deleted_user_is_removed_from_the_search_index(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    execute(&server, &format!("DELETE FROM users WHERE id = '{}'", ada.id)).await;
    assert_eq!(found(&admin.browser, "ada").await, [""; 0]);
    let words = "SELECT word AS value FROM user_words WHERE word = 'ada'";
    assert_eq!(select(&server, words).await, [""; 0]);
}

/// Tries each operation that writes a name or an email, and the words by which it makes the user searchable.
#[apply(on_both_databases)]
async fn every_write_of_a_name_or_email_updates_the_search_index(backend: Backend) {
    let server = backend.start_with(&["--email-verification", "required"]).await;
    let link = LinkSecret::generate();
    let until = server.now() + seconds(60);
    assert!(first_admin::issue(&server.state.store, link.hash(), until).await.unwrap());
    let first = json!({ "token": link.reveal(), "name": "First Admin", "email": "root@example.com", "password": PASSWORD });
    let reply = server.anonymous.post("/api/setup", first).await;
    let admin = server.anonymous.with_cookie(&reply.cookie().unwrap());
    assert_eq!(found(&admin, "first").await, ["First Admin"], "the first admin");

    let new =
        json!({ "name": "Registered", "email": "registered@example.com", "password": PASSWORD });
    server.anonymous.post("/api/auth/sign-up/email", new.clone()).await.expect(200);
    assert_eq!(found(&admin, "registered").await, ["Registered"], "a sign-up before verification");
    server.anonymous.post("/api/auth/sign-up/email", new).await.expect(200);
    assert_eq!(found(&admin, "registered").await, ["Registered"], "a sign-up that changes nothing");

    let invited = create_user(&admin, "Invited", "invited@example.com").await;
    assert_eq!(found(&admin, "invited").await, ["Invited"], "an invitation");
    let path = format!("{USERS}/{}", invited["id"].as_str().unwrap());
    admin.patch(&path, json!({ "name": "Renamed" })).await.expect(200);
    assert_eq!(found(&admin, "renamed").await, ["Renamed"], "a rename by an admin");
    admin.patch(&path, json!({ "role": "user" })).await.expect(200);
    admin.post("/api/auth/update-user", json!({ "name": "Second Name" })).await.expect(200);
    assert_eq!(found(&admin, "second name").await, ["Second Name"], "a rename by the user");
    assert_eq!(found(&admin, "first").await, [""; 0], "the former name");
    admin.post("/api/auth/update-user", json!({ "image": null })).await.expect(200);

    let change = json!({ "newEmail": "moved@example.org" });
    admin.post("/api/auth/change-email", change).await.expect(200);
    let link = server.last_mail_to("moved@example.org").await.secret();
    admin.get(&format!("/api/auth/verify-email?token={link}")).await;
    assert_eq!(found(&admin, "moved@example.org").await, ["Second Name"], "a new email");
    assert_eq!(found(&admin, "root").await, [""; 0], "the former email");
    assert_eq!(unindexed(&server).await, [""; 0]);
}

#[apply(on_both_databases)]
async fn sign_up_adds_the_user_to_the_search_index(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    server.sign_up("ada").await;
    assert_eq!(found(&admin.browser, "ada").await, ["ada"]);
    assert_eq!(unindexed(&server).await, [""; 0]);
}

#[apply(on_both_databases)]
async fn search_page_says_when_results_are_truncated_or_empty(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    add_by_sql(&server, 0..1200, "'Li ' || i", "'u' || i || '@example.com'").await;
    index_all(&server).await;
    let page = admin.browser.navigate("/admin?search=li").await.text;
    assert!(page.contains("1,000+ results, narrow your search"), "{page}");
    let page = admin.browser.navigate("/admin?search=li+1100").await.text;
    assert!(page.contains("Li 1100") && !page.contains("1,000+"), "{page}");
    let page = admin.browser.navigate("/admin?search=anonymous").await.text;
    assert!(page.contains("No users match"), "{page}");
}
