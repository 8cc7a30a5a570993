//! Rate limits of a product's own.

use super::{AccessRules, Items, Violation};
use crate::{
    limits::Limit,
    testkit::{Backend, Operation, Reply, Server},
};

/// How many requests the servers of this rule allow.
const MOST: usize = 2;

impl<I: Items> AccessRules<I> {
    /// Sends each operation with a limit of its own one request too many. Returns each that is not rejected, and each that
    /// is although another user has sent the others.
    pub(super) async fn unlimited(&self, backend: Backend) -> Vec<Violation> {
        let rows = self.product.rows();
        let limit_of = |operation: &Operation<'_>| {
            let row = rows.iter().find(|row| row.id == operation.id)?;
            match row.access.limit {
                Some(Limit::Custom(limit)) => Some(limit.name),
                _ => None,
            }
        };
        let mut wrong = Vec::new();
        for operation in &self.operations() {
            let Some(name) = limit_of(operation) else { continue };
            // On a server of its own, because operations may share a limit.
            let settings = [&*format!("--limit-{name}"), &*format!("{MOST}/1h")];
            let builder = Server::builder(self.product.clone(), backend).settings(&settings);
            wrong.extend(assert_limited(&builder.start().await, operation, name).await.err());
        }
        wrong
    }
}

async fn assert_limited(
    server: &Server,
    operation: &Operation<'_>,
    name: &str,
) -> Result<(), Violation> {
    // The gate counts a request whatever its handler makes of it.
    let path = operation.path_of_no_item();
    for user in ["first", "second"] {
        let user = server.sign_up_admin(user).await;
        let with_token = !operation.security().iter().any(|one| one.get("cookie").is_some());
        let caller = if with_token {
            user.token_with_custom_scopes(&["read", "write", "admin"]).await
        } else {
            user.browser
        };
        for number in 1..=MOST + 1 {
            let reply = Reply::of(operation.request(&caller, &path, None)).await;
            let shown = format!("\"{name}\";r={};", MOST.saturating_sub(number));
            let status = reply.header("ratelimit").unwrap_or_default();
            if (reply.status == 429) != (number > MOST) || !status.starts_with(&shown) {
                return Err(format!(
                    "{}: request {number} of a user, of whom {name:?} allows {MOST}, gets {} and RateLimit: {status}",
                    operation.id, reply.status
                ));
            }
        }
    }
    Ok(())
}
