//! Object-level authorization: the items of a user are not found by other users, by cookie or by token, and stay
//! unchanged. There is no list of operations: one whose path has an id is covered as soon as it is in the document, and
//! fails where the test cannot create an item for it.

use portcullis::time::seconds;

use super::*;

/// Returns each table whose rows have an id, with its columns.
fn columns() -> Vec<(String, Vec<String>)> {
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for (table, column, ..) in crate::contract::schema::declared() {
        match tables.last_mut() {
            Some((last, columns)) if *last == table => columns.push(column),
            _ => tables.push((table, vec![column])),
        }
    }
    tables.retain(|(_, columns)| columns.iter().any(|column| column == "id"));
    tables
}

/// Returns all columns of the row with this id, from any table.
async fn row(server: &Server, backend: Backend, id: &str) -> String {
    let quote = match backend {
        Backend::Sqlite => |column: &String| format!("quote({column})"),
        Backend::Postgres => |column: &String| format!("quote_nullable({column}::text)"),
    };
    let mut rows = Vec::new();
    for (table, columns) in columns() {
        let values = columns.iter().map(quote).collect::<Vec<_>>().join(" || ', ' || ");
        let sql = format!(
            "SELECT '{table}: ' || {values} AS value FROM {table} WHERE CAST(id AS TEXT) = '{id}'"
        );
        rows.extend(select(server, &sql).await);
    }
    assert_eq!(rows.len(), 1, "one row has the id {id}: {rows:?}");
    rows.remove(0)
}

impl Operation<'_> {
    /// Returns whether it acts on the caller's own items: it requires authentication, but not an admin.
    fn is_for_owners(&self) -> bool {
        let security = self.value["security"].as_array().unwrap();
        let is_public = security.is_empty() || security.contains(&json!({}));
        let requires_admin =
            security.iter().any(|requirement| *requirement == json!({ "cookie": ["admin"] }));
        !is_public && !requires_admin
    }

    /// Returns the status for another user. A token is rejected before the item is looked up where only cookies are
    /// accepted.
    fn status_for_other_users(&self, scheme: &str) -> u16 {
        let security = self.value["security"].as_array().unwrap();
        if security.iter().any(|requirement| requirement.get(scheme).is_some()) { 404 } else { 403 }
    }

    /// Returns whether it requires a query parameter, as operations that follow a link do.
    fn requires_query_parameter(&self) -> bool {
        let parameters = self.value["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        parameters.iter().any(|parameter| parameter["required"] == true)
    }

    fn request(&self, caller: &Caller, path: &str) -> RequestBuilder {
        let request = caller.request(self.method.clone(), path);
        match self.example() {
            Some(example) => request.json(example),
            None => request,
        }
    }
}

#[apply(on_both_databases)]
async fn resource_of_another_user_is_not_accessible_and_stays_unchanged(backend: Backend) {
    let covered = assert_items_are_not_found_for_others(backend, &operations(&document())).await;
    assert!(covered >= 6, "only {covered} operations were found");
}

/// Calls each operation on an item of a user as other users. Returns the number of these operations.
async fn assert_items_are_not_found_for_others(
    backend: Backend,
    operations: &[Operation<'_>],
) -> usize {
    let server = backend.start().await;
    let owner = server.sign_up("owner").await;
    let other_user = server.sign_up("other").await;
    let admin = server.sign_up_admin("admin").await;
    let token = other_user.token(&["read", "write"]).await;
    let mut covered = 0;
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|operation| operation.is_for_owners()) {
        let Some((collection, rest)) = operation.path.split_once("/{") else { continue };
        let rest = rest.strip_prefix("id}").filter(|rest| !rest.contains('{'));
        let rest = rest.unwrap_or_else(|| panic!("the test cannot fill in {}", operation.path));
        for (description, caller, scheme) in [
            ("another user's cookie", &other_user.browser, "cookie"),
            ("another user's token", &token, "bearer"),
            ("an admin's cookie", &admin.browser, "cookie"),
        ] {
            let id = make(&server, &owner, collection, operations, "second").await;
            let path = format!("{collection}/{id}{rest}");
            let before = row(&server, backend, &id).await;
            server.advance(seconds(1));
            let reply = Reply::of(operation.request(caller, &path)).await;
            let expected = operation.status_for_other_users(scheme);
            if reply.status != expected {
                let (id, text) = (operation.id, &reply.text);
                wrong.push(format!(
                    "{id} by {description}: {}, not {expected}: {text}",
                    reply.status
                ));
            } else if row(&server, backend, &id).await != before {
                wrong.push(format!("{} by {description}: the row was changed", operation.id));
            } else {
                // The owner's request succeeds.
                let reply = Reply::of(operation.request(&owner.browser, &path)).await;
                let (id, text) = (operation.id, &reply.text);
                assert_eq!(reply.status, operation.success(), "{id} by its owner: {text}");
            }
        }
        covered += 1;
    }
    println!("{covered} operations, as three callers each");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    covered
}

#[apply(on_both_databases)]
async fn list_contains_no_resource_of_another_user(backend: Backend) {
    assert_lists_show_no_items_of_others(backend, &operations(&document())).await;
}

/// Creates an item of each kind, and calls each operation without an id as another user.
async fn assert_lists_show_no_items_of_others(backend: Backend, operations: &[Operation<'_>]) {
    let server = backend.start().await;
    let owner = server.sign_up("owner").await;
    let other_user = server.sign_up("other").await;
    let mut private_values = vec![owner.id.clone(), owner.email.clone()];
    for operation in operations.iter().filter(|operation| operation.is_for_owners()) {
        if let Some((collection, "id}")) = operation.path.split_once("/{") {
            private_values.push(make(&server, &owner, collection, operations, "second").await);
        }
    }
    let mut seen_by_owner = BTreeSet::new();
    for operation in operations.iter().filter(|operation| {
        operation.is_for_owners()
            && operation.method == Method::GET
            && !operation.path.contains('{')
            && !operation.requires_query_parameter()
    }) {
        let reply = owner.browser.get(operation.path).await;
        seen_by_owner.extend(private_values.iter().filter(|value| reply.text.contains(*value)));
        let reply = other_user.browser.get(operation.path).await;
        assert_eq!(reply.status, operation.success(), "{}: {}", operation.id, reply.text);
        let shown: Vec<_> =
            private_values.iter().filter(|value| reply.text.contains(*value)).collect();
        assert!(shown.is_empty(), "{} shows another user {shown:?}", operation.id);
    }
    assert_eq!(
        seen_by_owner,
        private_values.iter().collect::<BTreeSet<_>>(),
        "the owner sees every item"
    );
}
