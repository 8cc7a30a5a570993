//! The sweep of the second user: what belongs to one user is not there for another, by cookie and by token, and stays as
//! it is. There is no list of operations here: one whose path has an id is covered the moment it exists, and fails
//! where the sweep cannot make a thing for it.

use portcullis::time::seconds;

use super::*;

/// Each table whose rows have an id, with its columns.
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

/// All columns of the row that has this id, in whichever table it is.
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
    assert_eq!(rows.len(), 1, "{id} is one row: {rows:?}");
    rows.remove(0)
}

impl Operation<'_> {
    /// Whether it is about things of the user who asks: not open to anybody, and not for admins alone.
    fn is_for_owners(&self) -> bool {
        let security = self.value["security"].as_array().unwrap();
        let is_for_anybody = security.is_empty() || security.contains(&json!({}));
        let is_for_admins = security.iter().any(|demand| *demand == json!({ "cookie": ["admin"] }));
        !is_for_anybody && !is_for_admins
    }

    /// What another user is answered: a token may be refused for what it is, which says nothing of the thing.
    fn status_for_strangers(&self, scheme: &str) -> u16 {
        let security = self.value["security"].as_array().unwrap();
        if security.iter().any(|demand| demand.get(scheme).is_some()) { 404 } else { 403 }
    }

    /// Whether it cannot be called as it stands: it follows a link.
    fn needs_a_query(&self) -> bool {
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
    let stranger = server.sign_up("stranger").await;
    let admin = server.sign_up_admin("admin").await;
    let token = stranger.token(&["read", "write"]).await;
    let mut covered = 0;
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|operation| operation.is_for_owners()) {
        let Some((collection, rest)) = operation.path.split_once("/{") else { continue };
        let rest = rest.strip_prefix("id}").filter(|rest| !rest.contains('{'));
        let rest = rest.unwrap_or_else(|| panic!("the sweep cannot fill in {}", operation.path));
        for (who, caller, scheme) in [
            ("another user's cookie", &stranger.browser, "cookie"),
            ("another user's token", &token, "bearer"),
            ("an admin's cookie", &admin.browser, "cookie"),
        ] {
            let id = make(&server, &owner, collection, operations, "second").await;
            let path = format!("{collection}/{id}{rest}");
            let before = row(&server, backend, &id).await;
            server.advance(seconds(1));
            let reply = Reply::of(operation.request(caller, &path)).await;
            let expected = operation.status_for_strangers(scheme);
            if reply.status != expected {
                let (id, text) = (operation.id, &reply.text);
                wrong.push(format!("{id} by {who}: {}, not {expected}: {text}", reply.status));
            } else if row(&server, backend, &id).await != before {
                wrong.push(format!("{} by {who}: the row was changed", operation.id));
            } else {
                // It is there for its owner.
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
    let stranger = server.sign_up("stranger").await;
    let mut things = vec![owner.id.clone(), owner.email.clone()];
    for operation in operations.iter().filter(|operation| operation.is_for_owners()) {
        if let Some((collection, "id}")) = operation.path.split_once("/{") {
            things.push(make(&server, &owner, collection, operations, "second").await);
        }
    }
    let mut seen_by_owner = BTreeSet::new();
    for operation in operations.iter().filter(|operation| {
        operation.is_for_owners()
            && operation.method == Method::GET
            && !operation.path.contains('{')
            && !operation.needs_a_query()
    }) {
        let theirs = owner.browser.get(operation.path).await;
        seen_by_owner.extend(things.iter().filter(|thing| theirs.text.contains(*thing)));
        let reply = stranger.browser.get(operation.path).await;
        assert_eq!(reply.status, operation.success(), "{}: {}", operation.id, reply.text);
        let shown: Vec<_> = things.iter().filter(|thing| reply.text.contains(*thing)).collect();
        assert!(shown.is_empty(), "{} shows another user {shown:?}", operation.id);
    }
    assert_eq!(seen_by_owner, things.iter().collect::<BTreeSet<_>>(), "their owner sees all of it");
}
