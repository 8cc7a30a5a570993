//! The examples of the document succeed.

use serde_json::Value;

use super::{AccessRules, Items, Violation};
use crate::testkit::{Backend, Operation, Reply};

impl<I: Items> AccessRules<I> {
    pub(super) async fn failing_examples(&self, backend: Backend) -> Vec<Violation> {
        let mut wrong = Vec::new();
        for operation in self.operations() {
            if let Some(example) = operation.example() {
                wrong.extend(self.send_example(backend, &operation, example).await.err());
            }
        }
        wrong
    }

    async fn send_example(
        &self,
        backend: Backend,
        operation: &Operation<'_>,
        example: &Value,
    ) -> Result<(), Violation> {
        // Each with a new database, since the values of an example may be unique.
        let server = self.start(backend).await;
        let users = self.new_users(&server, operation.requires_admin()).await;
        let path = self.filled(&server, &users, operation).await?;
        let mut body = example.clone();
        let filled = self.body(&server, &users.caller, operation).await?;
        for (field, _) in &self.references {
            if let Some(id) = filled.as_ref().and_then(|body| body.get(field)) {
                body[field] = id.clone();
            }
        }
        let request = operation.request(&users.caller.browser, &path, Some(&body));
        let reply = Reply::of(request).await;
        if reply.status == operation.success() {
            return Ok(());
        }
        let (id, status, text) = (operation.id, reply.status, &reply.text);
        Err(format!("{id} rejects its example: {status}: {text}"))
    }
}
