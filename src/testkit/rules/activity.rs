//! Writes of admins are recorded in the activity log.

use super::{AccessRules, Items, Violation};
use crate::{
    store::page::new_id,
    testkit::{Backend, Operation, Reply, Server, TestUser, select},
};

/// Returns the actor of each event, oldest first.
async fn actors(server: &Server) -> Vec<String> {
    let sql = "SELECT coalesce(actor_id, '') AS value FROM activity ORDER BY id";
    select(server, sql).await
}

impl<I: Items> AccessRules<I> {
    pub(super) async fn unrecorded(&self, backend: Backend) -> Vec<Violation> {
        let server = self.start(backend).await;
        let mut wrong = Vec::new();
        for operation in self.operations() {
            if operation.path.starts_with("/api/admin/") && !operation.is_safe() {
                let recorded = self.assert_recorded(&server, &operation).await;
                wrong.extend(recorded.err().map(|fault| format!("{}: {fault}", operation.id)));
            }
        }
        wrong
    }

    async fn assert_recorded(
        &self,
        server: &Server,
        operation: &Operation<'_>,
    ) -> Result<(), Violation> {
        let users = self.new_users(server, true).await;
        let path = self.filled(server, &users, operation).await?;
        let before = actors(server).await.len();
        let reply = self.write(server, &users.caller, operation, &path).await?;
        if reply.status != operation.success() {
            return Err(format!("{}: {}", reply.status, reply.text));
        }
        let events = actors(server).await.split_off(before);
        if events != [users.caller.id.clone()] {
            return Err(format!("records {} events, not one of the admin", events.len()));
        }
        let user = server.sign_up(&format!("u{}", new_id())).await;
        let before = actors(server).await.len();
        if operation.path.contains('{') {
            let missing = operation.path_of_no_item();
            let reply = self.write(server, &users.caller, operation, &missing).await?;
            if reply.status != 404 {
                return Err(format!("{}, not 404, for an item that does not exist", reply.status));
            }
        }
        self.write(server, &user, operation, &path).await?;
        if actors(server).await.len() != before {
            return Err("records an event of a rejected request".to_owned());
        }
        Ok(())
    }

    async fn write(
        &self,
        server: &Server,
        caller: &TestUser,
        operation: &Operation<'_>,
        path: &str,
    ) -> Result<Reply, Violation> {
        let body = self.body(server, caller, operation).await?;
        Ok(Reply::of(operation.request(&caller.browser, path, body.as_ref())).await)
    }
}
