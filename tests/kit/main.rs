//! The test kit finds mistakes in access control: each of these tests plants one in a product, and asserts that a rule
//! reports it. The product without a mistake keeps every rule.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "a test's name says what it shows")]

mod mistakes;
mod notebook;
mod parcels;
mod reviewed;

use portcullis::{
    component::Component,
    operations::Operations,
    pages::Page,
    product::Product,
    store::Tables,
    testkit::{
        Backend, Server, access_rules, block_on, json,
        rules::{AccessRules, Rule, access_table},
    },
};

fn product() -> Product {
    of(notebook::operations())
}

fn of(operations: Vec<Operations>) -> Product {
    let component = operations.into_iter().fold(notebook::component(), Component::operations);
    Product::new("Notebook", "1.0.0").with(component)
}

fn with_references(rules: AccessRules) -> AccessRules {
    rules
        .reference("folderId", "/api/folders")
        .reference("noteId", "/api/notes")
        .reference("ids", "/api/notes")
}

access_rules!(product, with_references);

/// Returns the product with this operation, in place of the one with the same method and path.
fn with(planted: Operations, replaced: &str) -> Product {
    let mut operations = notebook::operations();
    operations.retain(|known| !known.rows().iter().any(|row| row.id == replaced));
    operations.push(planted);
    of(operations)
}

/// Asserts that a rule reports this operation.
fn assert_reported(rule: Rule, planted: Operations, replaced: &str, reported: &str) {
    let product = with(planted, replaced);
    product.check().unwrap();
    for backend in Backend::ALL {
        let rules = with_references(AccessRules::of(product.clone()));
        let violations = block_on(rules.violations(rule, backend));
        let found = violations.iter().any(|violation| violation.contains(reported));
        assert!(found, "{rule:?} on {backend:?} does not report {reported:?}: {violations:#?}");
    }
}

macro_rules! planted {
    ($($test:ident: $rule:ident reports $module:ident::$handler:ident $([$($code:ident),+])? for $replaced:literal, $reported:literal;)+) => {
        $(
            #[test]
            fn $test() {
                let planted = portcullis::operations! { gated { $module::$handler $([$($code),+])? } };
                assert_reported(Rule::$rule, planted, $replaced, $reported);
            }
        )+
    };
}

planted! {
    list_without_an_owner_filter: Lists reports mistakes::list_notes_of_all for "list_notes",
        "list_notes_of_all returns something else";
    list_that_counts_items_of_others: Lists reports mistakes::count_notes for "",
        "count_notes returns something else";
    list_of_any_user_by_a_query_parameter: Lists reports mistakes::list_notes_by_user for "list_notes",
        "list_notes_by_user with userId=";
    show_without_an_owner_filter: OtherUsers reports mistakes::show_any_note for "show_note",
        "show_any_note by another user's cookie: 200";
    update_without_an_owner_filter: OtherUsers reports mistakes::rename_any_note for "rename_note",
        "rename_any_note by another user's token: 200";
    delete_without_an_owner_filter: OtherUsers reports mistakes::delete_any_note for "delete_note",
        "delete_any_note by an admin's cookie: 204";
    item_of_another_user_is_forbidden_and_so_revealed: OtherUsers reports
        mistakes::show_forbidden_note [AdminRequired] for "show_note", "show_forbidden_note by another user's cookie: 403";
    item_within_an_item_of_another_user: OtherUsers reports mistakes::add_to_any_folder for "add_to_folder",
        "add_to_any_folder by another user's cookie: 201";
    name_that_is_unique_among_all_users: OtherUsers reports mistakes::create_unique_note [Conflict] for "create_note",
        "create_unique_note";
    body_that_sets_the_owner: Bodies reports mistakes::create_note_for for "create_note",
        "create_note_for accepts the field userId";
    reference_to_an_item_of_another_user: Bodies reports mistakes::create_note_anywhere for "create_note",
        "create_note_anywhere accepts another user's item as folderId";
    read_that_writes: Security reports mistakes::show_and_rename_note for "show_note",
        "has a safe method (200), and changed the table notes";
    rejection_that_writes: Security reports mistakes::create_and_reject_note [CookieRequired] for "create_note",
        "was rejected (403), and changed the table notes";
    anonymous_write: Conventions reports mistakes::suggest_note for "", "suggest_note accepts anonymous requests";
    admin_operation_for_every_user: Conventions reports mistakes::delete_all_notes for "delete_notes",
        "delete_all_notes is under /api/admin/";
    admin_write_without_an_event: Activity reports mistakes::delete_notes_silently for "delete_notes",
        "delete_notes_silently: records 0 events";
    example_that_is_rejected: Examples reports mistakes::create_note_with_bad_example for "create_note",
        "create_note_with_bad_example rejects its example";

    // Those of a reviewer who had not written the kit, and did not know how it works.
    item_that_moves_into_an_item_of_another_user: Bodies reports reviewed::move_note for "rename_note",
        "move_note accepts another user's item as folderId";
    bulk_deletion_of_items_of_others: Bodies reports reviewed::delete_selected for "",
        "delete_selected accepts another user's item as ids";
    copy_of_an_item_of_another_user: Bodies reports reviewed::copy_note for "",
        "copy_note accepts another user's item as noteId";
    deletion_that_deletes_what_belongs_to_another_user: OtherUsers reports reviewed::delete_folder for "",
        "delete_folder by another user's cookie: 404, but it changed the table notes";
    upsert_of_an_item_of_another_user: OtherUsers reports reviewed::put_note for "",
        "put_note by another user's cookie: 204";
    search_whose_alternatives_include_all_users: Lists reports reviewed::search_notes for "",
        "search_notes with words=";
    export_of_an_item_of_another_user: OtherUsers reports reviewed::export_folder for "",
        "export_folder by another user's cookie: 200";
    header_that_names_the_user: Lists reports reviewed::list_notes_behind_proxy for "list_notes",
        "list_notes_behind_proxy believes a header";
    role_that_is_checked_in_place_of_an_argument: OtherUsers reports reviewed::moderate_note for "rename_note",
        "moderate_note by an admin's cookie: 204";
    error_with_a_name_from_an_item_of_another_user: OtherUsers reports reviewed::add_to_named_folder for "add_to_folder",
        "add_to_named_folder by another user's cookie: the response is another one";
}

#[test]
fn token_that_is_accepted_where_the_cookie_was_required() {
    assert!(access_table(&product()).contains("DELETE /api/notes/{id}: cookie\n"));
    let planted = portcullis::operations! { gated { mistakes::delete_any_note } };
    let changed = access_table(&with(planted, "delete_note"));
    assert!(changed.contains("DELETE /api/notes/{id}: cookie, token (write)\n"), "{changed}");
}

#[test]
fn constraint_that_does_not_exist() {
    let tables = Tables { constraints: &[mistakes::CONSTRAINTS], ..notebook::TABLES };
    let product = Product::new("Notebook", "1.0.0").with(notebook::component().tables(tables));
    let missing = |backend| {
        let rules = AccessRules::of(product.clone());
        let violations = block_on(rules.violations(Rule::Constraints, backend));
        let name = |violation: String| violation.rsplit_once(' ').unwrap().1.to_owned();
        violations.into_iter().map(name).collect::<Vec<_>>()
    };
    let [foreign_key, check, column] = ["notes_user_fkey", "notes_name_check", "notes.colour"];
    assert_eq!(missing(Backend::Sqlite), [foreign_key, "notes.name", check, column]);
    assert_eq!(missing(Backend::Postgres), [foreign_key, "notes_name_key", check, column]);
}

#[test]
fn nul_in_a_text_without_a_rule_is_rejected_on_both_databases() {
    let planted = portcullis::operations! { gated { mistakes::list_notes_by_user } };
    let product = with(planted, "list_notes");
    for backend in Backend::ALL {
        block_on(async {
            let server = Server::start(product.clone(), backend).await;
            let ada = server.sign_up("ada").await;
            let reply = ada.browser.post("/api/folders", json!({ "name": "a\0b" })).await;
            let problem = reply.assert_problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "name", "{problem}");
            let reply = ada.browser.get("/api/notes?userId=a%00b").await;
            let problem = reply.assert_problem(400, "invalid_query");
            assert_eq!(problem["errors"][0]["field"], "userId", "{problem}");
        });
    }
}

/// Asserts that a rule reports this page.
fn assert_page_reported(rule: Rule, page: Page, reported: &str) {
    let product = Product::new("Notebook", "1.0.0").with(notebook::component().page(page));
    let rules = AccessRules::of(product);
    let violations = block_on(rules.violations(rule, Backend::Sqlite));
    let found = violations.iter().any(|violation| violation.contains(reported));
    assert!(found, "{rule:?} does not report {reported:?}: {violations:#?}");
}

#[test]
fn page_for_anonymous_visitors() {
    let page = Page::new("/notes", mistakes::show_public_page);
    assert_page_reported(Rule::Conventions, page, "the page /notes is open to anonymous visitors");
}

#[test]
fn page_that_checks_the_role_in_place_of_an_argument() {
    let page = Page::new("/statistics", mistakes::show_page_of_admins);
    assert_page_reported(
        Rule::Security,
        page,
        "the page /statistics to a user: 403 Forbidden, declared 200",
    );
}

#[test]
fn page_that_writes() {
    let page = Page::new("/start", mistakes::show_page_that_writes);
    assert_page_reported(Rule::Security, page, "the page /start changed the table folders");
}
