//! Object-level authorization: items of a user are not found by others, and stay unchanged.

use serde_json::Value;

use super::{AccessRules, Items, Violation, forged::naming, items::replace_taken, rows::Rows};
use crate::{
    testkit::{Backend, Caller, Operation, Reply, Server, TestUser},
    time::seconds,
};

impl Operation<'_> {
    /// Returns the status for another user. A token is rejected before the item is looked up where only cookies are
    /// accepted.
    fn status_for_other_users(&self, scheme: &str) -> u16 {
        if self.security().iter().any(|one| one.get(scheme).is_some()) { 404 } else { 403 }
    }
}

impl<I: Items> AccessRules<I> {
    pub(super) async fn visible_to_others(&self, backend: Backend) -> Vec<Violation> {
        let server = &self.start(backend).await;
        let rows = &Rows::of(server).await;
        let owner = &server.sign_up("owner").await;
        let other_user = &server.sign_up("other").await;
        let admin = &server.sign_up_admin("admin").await;
        let token = other_user.token_with_custom_scopes(&["read", "write"]).await;
        let mut wrong = Vec::new();
        for operation in &self.operations() {
            let (id, call) = (operation.id, Call { server, rows, owner, operation });
            if !operation.is_for_owners() {
                continue;
            }
            let browser = Other { user: other_user, token: None, forged: false };
            for (description, other) in [
                ("another user's cookie", browser),
                ("another user's token", Other { token: Some(&token), ..browser }),
                ("an admin's cookie", Other { user: admin, ..browser }),
                ("another user's cookie and forged headers", Other { forged: true, ..browser }),
            ] {
                let denied = self.assert_denied(&call, &other).await;
                wrong.extend(denied.err().map(|fault| format!("{id} by {description}: {fault}")));
            }
            wrong.extend(self.assert_values_may_repeat(&call, other_user).await.err());
        }
        wrong
    }

    /// Asserts that another user cannot use an operation on an item of the owner.
    async fn assert_denied(
        &self,
        &Call { server, rows, owner, operation }: &Call<'_>,
        &Other { user, token, forged }: &Other<'_>,
    ) -> Result<(), Violation> {
        if !operation.path.contains('{') {
            return Ok(());
        }
        let path = self.filled_for(server, owner, operation.path).await?;
        self.populate(server, owner, operation.path, &path).await?;
        // Each with items of their own where the body refers to some.
        let own_body = self.body(server, user, operation).await?;
        let mut owners_body = self.body(server, owner, operation).await?;
        let caller = token.unwrap_or(&user.browser);
        let scheme = if token.is_some() { "bearer" } else { "cookie" };
        let ids = ids(operation.path, &path);
        let before = rows.read(server, &ids).await;
        server.advance(seconds(1));
        let request = operation.request(caller, &path, own_body.as_ref());
        let denied = Reply::of(if forged { naming(request, owner) } else { request }).await;
        let expected = operation.status_for_other_users(scheme);
        if denied.status != expected {
            return Err(format!("{}, not {expected}: {}", denied.status, denied.text));
        }
        if let Some(changed) = before.difference(&rows.read(server, &ids).await) {
            return Err(format!("{expected}, but it changed {changed}"));
        }
        // The item that exists must not be told from one that does not.
        let missing = operation.path_of_no_item();
        let missing = Reply::of(operation.request(caller, &missing, own_body.as_ref())).await;
        if without_request_id(&missing) != without_request_id(&denied) {
            return Err(format!(
                "the response is another one than for an id that does not exist: {}, and {}",
                denied.text, missing.text
            ));
        }
        // Without this, an operation that finds no item of any user would pass.
        loop {
            let request = operation.request(&owner.browser, &path, owners_body.as_ref());
            let reply = Reply::of(request).await;
            if reply.status == operation.success() {
                return Ok(());
            }
            let problem = reply.json();
            // Unique values, of another item of the owner.
            let was_taken = reply.status == 409
                && owners_body.as_mut().is_some_and(|body| replace_taken(body, &problem));
            if !was_taken {
                return Err(format!(
                    "{expected}, and {} by its owner: {}",
                    reply.status, reply.text
                ));
            }
        }
    }

    /// Asserts that two users can have items with the same values.
    async fn assert_values_may_repeat(
        &self,
        &Call { server, owner, operation, .. }: &Call<'_>,
        other_user: &TestUser,
    ) -> Result<(), Violation> {
        let creates = operation.method == reqwest::Method::POST && operation.success() == 201;
        if !creates || self.shared.contains(&operation.id) {
            return Ok(());
        }
        let path = self.filled_for(server, owner, operation.path).await?;
        self.create(server, owner, operation, &path).await?;
        let path = self.filled_for(server, other_user, operation.path).await?;
        let body = self.body(server, other_user, operation).await?.unwrap_or_default();
        let reply = other_user.browser.post(&path, body).await;
        if reply.status != 409 {
            return Ok(());
        }
        Err(format!(
            "{} tells a user that another one's item has the same values: {}",
            operation.id, reply.text
        ))
    }
}

/// Returns the ids in a path.
fn ids<'a>(template: &str, path: &'a str) -> Vec<&'a str> {
    let segments = template.split('/').zip(path.split('/'));
    segments.filter(|(part, _)| part.starts_with('{')).map(|(_, id)| id).collect()
}

fn without_request_id(reply: &Reply) -> Value {
    let mut problem = reply.json();
    if let Some(members) = problem.as_object_mut() {
        members.remove("requestId");
    }
    problem
}

/// Another user, with the cookie or with a token, and perhaps with headers that name the owner.
#[derive(Clone, Copy)]
struct Other<'a> {
    user: &'a TestUser,
    token: Option<&'a Caller>,
    forged: bool,
}

#[derive(Clone, Copy)]
struct Call<'a> {
    server: &'a Server,
    rows: &'a Rows,
    owner: &'a TestUser,
    operation: &'a Operation<'a>,
}
