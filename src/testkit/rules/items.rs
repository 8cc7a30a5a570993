//! Users and items for the requests of the rules.

use reqwest::Method;
use serde_json::{Value, json};

use super::{AccessRules, Violation};
use crate::{
    store::page::new_id,
    testkit::{Operation, Server, TestUser},
};

/// Creates the items that no operation of the document creates.
pub trait Items {
    /// Creates an item of a collection for its owner, and returns its id; none for every other collection.
    fn create(
        &self,
        server: &Server,
        owner: &TestUser,
        collection: &str,
    ) -> impl Future<Output = Option<String>>;
}

/// For products whose operations create all of their items.
pub struct NoItems;

impl Items for NoItems {
    async fn create(&self, _: &Server, _: &TestUser, _: &str) -> Option<String> {
        None
    }
}

/// The user who sends a request, and another one, who is an admin.
pub(super) struct Users {
    pub caller: TestUser,
    pub other_admin: TestUser,
}

impl<I: Items> AccessRules<I> {
    pub(super) async fn new_users(&self, server: &Server, by_admin: bool) -> Users {
        let name = format!("u{}", new_id().replace('-', ""));
        let caller =
            if by_admin { server.sign_up_admin(&name).await } else { server.sign_up(&name).await };
        Users { caller, other_admin: server.sign_up_admin(&format!("o{name}")).await }
    }

    /// Returns the path of an operation with new items of the caller; of an admin, where only admins have them.
    pub(super) async fn filled(
        &self,
        server: &Server,
        users: &Users,
        operation: &Operation<'_>,
    ) -> Result<String, Violation> {
        let of_admins = operation.path.starts_with("/api/admin/") || operation.requires_admin();
        let owner = if of_admins { &users.other_admin } else { &users.caller };
        self.filled_for(server, owner, operation.path).await
    }

    /// Returns a path with a new item of this owner for each placeholder, each within the one before.
    pub(super) async fn filled_for(
        &self,
        server: &Server,
        owner: &TestUser,
        path: &str,
    ) -> Result<String, Violation> {
        let (mut template, mut filled) = (String::new(), String::new());
        for segment in path.split('/').skip(1) {
            if segment.starts_with('{') {
                let id = self.item(server, owner, &template, &filled).await?;
                filled = format!("{filled}/{id}");
            } else {
                filled = format!("{filled}/{segment}");
            }
            template = format!("{template}/{segment}");
        }
        Ok(filled)
    }

    /// Creates what can belong to an item: an item of each collection within it, and one whose body refers to it.
    pub(super) async fn populate(
        &self,
        server: &Server,
        owner: &TestUser,
        template: &str,
        path: &str,
    ) -> Result<(), Violation> {
        let Some((collection, last)) = template.rsplit_once('/') else { return Ok(()) };
        if !last.starts_with('{') {
            return Ok(());
        }
        let id = path.rsplit('/').next().unwrap_or_default();
        let operations = self.document.operations();
        for post in
            operations.iter().filter(|one| one.method == Method::POST && one.success() == 201)
        {
            let within = post.path.strip_prefix(template).filter(|rest| !rest.contains('{'));
            if let Some(rest) = within.filter(|rest| rest.starts_with('/')) {
                self.create(server, owner, post, &format!("{path}{rest}")).await?;
            }
            let refers = self.references.iter().filter(|(_, of)| *of == collection);
            for (field, _) in refers {
                let Some(mut body) = self.body(server, owner, post).await? else { continue };
                let Some(value) = body.get_mut(*field).filter(|_| !post.path.contains('{')) else {
                    continue;
                };
                set_reference(value, id);
                self.send_new(owner, post, post.path, body).await?;
            }
        }
        Ok(())
    }

    /// Creates an item of a collection by its POST, or by that of another collection of the same name, from the example of
    /// the body. Returns its id.
    ///
    /// # Errors
    /// When there is no such operation, or it rejects its example.
    pub async fn create_item(
        &self,
        server: &Server,
        owner: &TestUser,
        collection: &str,
    ) -> Result<String, Violation> {
        self.item(server, owner, collection, collection).await
    }

    /// Does the same for a collection within an item, whose id is in the path.
    async fn item(
        &self,
        server: &Server,
        owner: &TestUser,
        template: &str,
        collection: &str,
    ) -> Result<String, Violation> {
        if let Some(id) = self.items.create(server, owner, template).await {
            return Ok(id);
        }
        let all = self.document.operations();
        let last = template.rsplit('/').next().unwrap();
        let creates = |operation: &&Operation<'_>| {
            operation.method == Method::POST && operation.path.ends_with(&format!("/{last}"))
        };
        let exact = all.iter().filter(creates).find(|operation| operation.path == template);
        let post = exact.or_else(|| all.iter().find(creates)).ok_or_else(|| {
            format!("no operation creates an item of {template}: implement `Items`")
        })?;
        let path = if post.path == template { collection } else { post.path };
        let created = self.create(server, owner, post, path).await?;
        let id = created["id"].as_str();
        id.map(ToOwned::to_owned).ok_or_else(|| format!("{} returns no `id`: {created}", post.id))
    }

    /// Sends the example of an operation's body, and returns what it created. Values that must be unique and are taken are
    /// replaced.
    pub(super) async fn create(
        &self,
        server: &Server,
        owner: &TestUser,
        post: &Operation<'_>,
        path: &str,
    ) -> Result<Value, Violation> {
        let body = self.body(server, owner, post).await?.unwrap_or(Value::Null);
        self.send_new(owner, post, path, body).await
    }

    async fn send_new(
        &self,
        owner: &TestUser,
        post: &Operation<'_>,
        path: &str,
        mut body: Value,
    ) -> Result<Value, Violation> {
        loop {
            let reply = owner.browser.post(path, body.clone()).await;
            if reply.status == post.success() {
                return Ok(reply.json());
            }
            if reply.status != 409 || !replace_taken(&mut body, &reply.json()) {
                let (id, status, text) = (post.id, reply.status, &reply.text);
                return Err(format!("{id} creates no item from its example: {status}: {text}"));
            }
        }
    }

    /// Returns the example of an operation's body, with new items of this owner where it refers to some.
    pub(super) async fn body(
        &self,
        server: &Server,
        owner: &TestUser,
        operation: &Operation<'_>,
    ) -> Result<Option<Value>, Violation> {
        let Some(mut body) = operation.example().cloned() else { return Ok(None) };
        for (field, collection) in &self.references {
            let Some(value) = body.get_mut(*field) else { continue };
            let item = Box::pin(self.create_item(server, owner, collection)).await?;
            set_reference(value, &item);
        }
        if body.get("email").is_some() {
            body["email"] = json!(format!("{}@example.com", new_id()));
        }
        Ok(Some(body))
    }
}

/// Sets an id, or the only one of an array of ids.
pub(super) fn set_reference(value: &mut Value, id: &str) {
    *value = if value.is_array() { json!([id]) } else { json!(id) };
}

/// Replaces the texts that a response says are taken. Returns whether there were any.
pub(super) fn replace_taken(body: &mut Value, problem: &Value) -> bool {
    let mut replaced = false;
    for error in problem["errors"].as_array().into_iter().flatten() {
        let Some(Value::String(text)) = error["field"].as_str().and_then(|name| body.get_mut(name))
        else {
            continue;
        };
        let id = new_id();
        *text = format!("t{}", id.rsplit('-').next().unwrap());
        replaced = true;
    }
    replaced
}
