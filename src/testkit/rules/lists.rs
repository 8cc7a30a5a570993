//! Responses to a user do not depend on the items of another.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::{AccessRules, Items, Violation, forged::naming};
use crate::testkit::{Backend, Caller, Operation, Reply, Server, TestUser};

/// An item of a user.
struct Created {
    id: String,
    collection: String,
    item: Value,
}

/// A request of another user that reads: its path, with items of that user, and the response before the owner has items.
struct Read<'a> {
    operation: &'a Operation<'a>,
    path: String,
    before: String,
}

impl<I: Items> AccessRules<I> {
    pub(super) async fn dependent_on_others(&self, backend: Backend) -> Vec<Violation> {
        let server = self.start(backend).await;
        let owner = server.sign_up("owner").await;
        let other_user = server.sign_up("other").await;
        let operations = self.operations();
        let wrong = self.compare_reads(&server, &owner, &other_user, &operations).await;
        wrong.unwrap_or_else(|violation| vec![violation])
    }

    async fn compare_reads(
        &self,
        server: &Server,
        owner: &TestUser,
        other_user: &TestUser,
        operations: &[Operation<'_>],
    ) -> Result<Vec<Violation>, Violation> {
        let mut reads = Vec::new();
        let reads_own = |one: &&Operation<'_>| one.is_for_owners() && one.method == Method::GET;
        for operation in operations.iter().filter(reads_own) {
            let path = self.filled_for(server, other_user, operation.path).await?;
            let path = with_query(&path, &operation.required_query());
            reads.push(Read { operation, path, before: String::new() });
        }
        for read in &mut reads {
            read.before = other_user.browser.get(&read.path).await.text;
        }
        let created = self.create_one_of_each(server, owner, operations).await?;
        let mut wrong = Vec::new();
        let mut listed = BTreeSet::new();
        for Read { operation, path, before } in &reads {
            let after = other_user.browser.get(path).await.text;
            if after != *before {
                wrong.push(format!(
                    "{} returns something else after another user has created items: {before}, then {after}",
                    operation.id
                ));
            }
            let request = naming(other_user.browser.request(Method::GET, path), owner);
            let forged = Reply::of(request).await.text;
            if forged != after {
                wrong.push(format!(
                    "{} believes a header that names another user: {after}, then {forged}",
                    operation.id
                ));
            }
            wrong.extend(filtered(operation, path, &other_user.browser, owner, &created).await);
            if !operation.path.contains('{') {
                let own = owner.browser.get(path).await.text;
                listed.extend(created.iter().map(|item| &item.id).filter(|id| own.contains(*id)));
            }
        }
        // A list that is empty for every user shows no other user's items either.
        let has_list =
            |item: &Created| reads.iter().any(|read| read.operation.path == item.collection);
        let unlisted = created.iter().filter(|item| has_list(item) && !listed.contains(&item.id));
        wrong.extend(
            unlisted.map(|item| format!("{} does not show its owner's item", item.collection)),
        );
        Ok(wrong)
    }

    async fn create_one_of_each(
        &self,
        server: &Server,
        owner: &TestUser,
        operations: &[Operation<'_>],
    ) -> Result<Vec<Created>, Violation> {
        let mut created = Vec::new();
        let creates = |one: &&Operation<'_>| {
            one.method == Method::POST && one.success() == 201 && one.is_for_owners()
        };
        for post in operations.iter().filter(creates) {
            let path = self.filled_for(server, owner, post.path).await?;
            let item = self.create(server, owner, post, &path).await?;
            if let Some(id) = item["id"].as_str() {
                let (id, collection) = (id.to_owned(), post.path.to_owned());
                created.push(Created { id, collection, item });
            }
        }
        Ok(created)
    }
}

/// Calls a list as another user with each query parameter, set to what belongs to the owner.
async fn filtered(
    read: &Operation<'_>,
    path: &str,
    caller: &Caller,
    owner: &TestUser,
    created: &[Created],
) -> Vec<Violation> {
    let texts = created.iter().flat_map(|item| item.item.as_object().into_iter().flatten());
    let texts = texts.filter_map(|(_, value)| value.as_str());
    let of_owner = [owner.id.as_str(), owner.email.as_str(), "true", ""];
    let values: BTreeSet<&str> = texts.chain(of_owner).collect();
    let mut wrong = Vec::new();
    for parameter in read.query_parameters() {
        for value in &values {
            let mut query = read.required_query();
            query.retain(|(name, _)| *name != parameter);
            query.push((parameter, (*value).to_owned()));
            let path = path.split('?').next().unwrap_or_default();
            let reply = caller.get(&with_query(path, &query)).await;
            let list = reply.json();
            let items = list["items"].as_array().into_iter().flatten();
            let is_listed = items.clone().any(|shown| is_one_of(shown, created));
            // The value itself may be in the response, such as a cursor.
            let is_shown =
                created.iter().any(|item| item.id != **value && reply.text.contains(&item.id));
            if reply.status.is_success() && (is_listed || is_shown) {
                wrong.push(format!(
                    "{} with {parameter}={value} shows another user's item: {}",
                    read.id, reply.text
                ));
            }
        }
    }
    wrong
}

fn with_query(path: &str, query: &[(&str, String)]) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    format!("{path}?{}", text.extend_pairs(query).finish())
}

fn is_one_of(shown: &Value, created: &[Created]) -> bool {
    created.iter().any(|item| shown["id"] == item.id.as_str())
}
