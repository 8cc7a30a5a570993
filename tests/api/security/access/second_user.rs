//! Object-level authorization: the items of a user are not found by other users, by cookie or by token, and stay
//! unchanged. There is no list of operations: one whose path has an id is covered as soon as it is in the document, and
//! fails where the test cannot create an item for it.

use portcullis::testkit::rules::Rule;

use super::*;

#[apply(on_both_databases)]
async fn resource_of_another_user_is_not_accessible_and_stays_unchanged(backend: Backend) {
    all_rules().assert(Rule::OtherUsers, backend).await;
}

#[apply(on_both_databases)]
async fn list_contains_no_resource_of_another_user(backend: Backend) {
    assert_lists_show_no_items_of_others(backend, &document().operations()).await;
}

/// Creates an item of each kind, and calls each operation without an id as another user.
async fn assert_lists_show_no_items_of_others(backend: Backend, operations: &[Operation<'_>]) {
    let server = backend.start().await;
    let owner = server.sign_up("owner").await;
    let other_user = server.sign_up("other").await;
    let mut private_values = vec![owner.id.clone(), owner.email.clone()];
    for operation in operations.iter().filter(|operation| operation.is_for_owners()) {
        if let Some((collection, "id}")) = operation.path.split_once("/{") {
            private_values.push(make(&server, &owner, collection).await);
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
