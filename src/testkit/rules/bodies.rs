//! Bodies neither set the owner nor refer to another user's item.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AccessRules, Items, Violation,
    items::{Users, set_reference},
    rows::Rows,
};
use crate::testkit::{Backend, Operation, Reply, Server};

/// Names under which a body may contain an owner.
const OWNERS: [&str; 6] = ["userId", "user_id", "ownerId", "owner_id", "user", "owner"];

impl<I: Items> AccessRules<I> {
    pub(super) async fn accepted_owners(&self, backend: Backend) -> Vec<Violation> {
        let server = self.start(backend).await;
        let rows = Rows::of(&server).await;
        let mut wrong = Vec::new();
        for operation in self.operations().iter().filter(|operation| operation.is_for_owners()) {
            let Some(example) = operation.example() else { continue };
            wrong.extend(self.unnamed_references(operation, example));
            let accepted = self.accepted_by(&server, &rows, operation).await;
            wrong.extend(accepted.unwrap_or_else(|violation| vec![violation]));
        }
        wrong
    }

    async fn accepted_by(
        &self,
        server: &Server,
        rows: &Rows,
        operation: &Operation<'_>,
    ) -> Result<Vec<Violation>, Violation> {
        let users = self.new_users(server, false).await;
        let path = self.filled(server, &users, operation).await?;
        let body = self.body(server, &users.caller, operation).await?.unwrap_or_default();
        let call = Call { server, rows, operation, path };
        let mut wrong = Vec::new();
        for owner in OWNERS {
            let mut body = body.clone();
            body[owner] = json!(users.other_admin.id);
            if call.is_accepted(&users, &body).await {
                wrong.push(format!("{} accepts the field {owner} in its body", operation.id));
            }
        }
        for (field, collection) in &self.references {
            let mut body = body.clone();
            let Some(value) = body.get_mut(*field) else { continue };
            let of_other = self.create_item(server, &users.other_admin, collection).await?;
            // An operation on several items may leave out those that it does not find.
            let may_succeed = value.is_array();
            set_reference(value, &of_other);
            let accepted = if may_succeed {
                call.changes(&users, &body).await.1
            } else {
                call.is_accepted(&users, &body).await
            };
            if accepted {
                wrong.push(format!("{} accepts another user's item as {field}", operation.id));
            }
        }
        Ok(wrong)
    }

    /// Returns the fields that look like ids of items, and whose collection the test does not name.
    fn unnamed_references(&self, operation: &Operation<'_>, example: &Value) -> Vec<Violation> {
        let is_id = |value: &Value| {
            let first = value.as_array().and_then(|values| values.first()).unwrap_or(value);
            first.as_str().is_some_and(|text| Uuid::parse_str(text).is_ok())
        };
        let is_named = |name: &String| self.references.iter().any(|(known, _)| known == name);
        let fields = example.as_object().into_iter().flatten();
        let unnamed = fields.filter(|(name, value)| is_id(value) && !is_named(name));
        unnamed
            .map(|(name, _)| {
                format!(
                    "{name} in the body of {} is an id: name its collection with `reference(\"{name}\", …)`",
                    operation.id
                )
            })
            .collect()
    }
}

struct Call<'a> {
    server: &'a Server,
    rows: &'a Rows,
    operation: &'a Operation<'a>,
    path: String,
}

impl Call<'_> {
    /// Sends a body that must be rejected. Returns whether it was accepted, or changed something.
    async fn is_accepted(&self, users: &Users, body: &Value) -> bool {
        let (succeeded, changed) = self.changes(users, body).await;
        succeeded || changed
    }

    /// Sends a body. Returns whether it was accepted, and whether it changed a row.
    async fn changes(&self, users: &Users, body: &Value) -> (bool, bool) {
        let before = self.rows.read(self.server, &[]).await;
        let request = self.operation.request(&users.caller.browser, &self.path, Some(body));
        let reply = Reply::of(request).await;
        (reply.status.is_success(), before != self.rows.read(self.server, &[]).await)
    }
}
