//! The activity log: each operation under `/api/admin` that changes something records one event, with the admin as its actor,
//! and a rejected one records none. There is no list of operations: a new one is covered as soon as it is in the
//! document.

use portcullis::store::page::new_id;

use super::*;

/// Returns the actor of each event, oldest first.
async fn actors(server: &Server) -> Vec<String> {
    let sql = "SELECT coalesce(actor_id, '') AS value FROM activity ORDER BY id";
    select(server, sql).await
}

#[apply(on_both_databases)]
async fn admin_write_records_one_event_and_a_rejected_one_none(backend: Backend) {
    let writes = assert_writes_are_recorded(backend, &document().operations()).await;
    assert!(writes >= 9, "only {writes} operations were found");
}

/// Calls each operation under `/api/admin` that changes something, and compares the log before and after. Returns
/// the number of these operations.
async fn assert_writes_are_recorded(backend: Backend, operations: &[Operation<'_>]) -> usize {
    let server = backend.start().await;
    let writes: Vec<_> = operations
        .iter()
        .filter(|operation| operation.path.starts_with("/api/admin/"))
        .filter(|operation| operation.method != Method::GET)
        .collect();
    let mut wrong = Vec::new();
    for operation in &writes {
        let (admin, request) = prepare(&server, operation, Case::ADMIN_COOKIE).await;
        let before = actors(&server).await;
        let reply = Reply::of(request).await;
        assert_eq!(reply.status, operation.success(), "{}: {}", operation.id, reply.text);
        let after = actors(&server).await;
        if after[before.len()..] != [admin.id.clone()] {
            wrong.push(format!("{}: events by {:?}", operation.id, &after[before.len()..]));
        }

        // An item that does not exist.
        if operation.path.contains("{id}") {
            let path = operation.path.replace("{id}", &new_id());
            let mut request = admin.browser.request(operation.method.clone(), &path);
            if let Some(example) = operation.example() {
                request = request.json(example);
            }
            Reply::of(request).await.assert_problem(404, "not_found");
        }
        // A caller who is not an admin.
        let (_, request) = prepare(&server, operation, Case::COOKIE).await;
        let before = actors(&server).await.len().max(after.len());
        Reply::of(request).await.assert_problem(403, "admin_required");
        if actors(&server).await.len() != before {
            wrong.push(format!("{}: a rejected request recorded an event", operation.id));
        }
    }
    println!("{} operations record one event each", writes.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    writes.len()
}
