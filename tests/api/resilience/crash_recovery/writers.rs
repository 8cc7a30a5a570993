use std::sync::Arc;

use reqwest::{Method, RequestBuilder};
use tokio::{sync::mpsc, task::JoinHandle};

use super::journal::{Journal, Thing, Writing};
use crate::support::*;

/// Clients that write until the server is gone.
pub struct Writers {
    owner: Owner,
    admin: String,
}

#[derive(Clone)]
struct Owner {
    id: String,
    email: String,
    cookie: String,
}

/// Writers that are running.
pub struct RunningWriters {
    tasks: Vec<JoinHandle<()>>,
    journal: Arc<Writing>,
}

impl Writers {
    pub async fn new(anonymous: &Caller, admin: &str) -> Self {
        let email = "owner@example.com".to_owned();
        let body = json!({ "name": "Owner", "email": email, "password": PASSWORD });
        let reply = anonymous.post("/api/auth/sign-up/email", body).await;
        let cookie = reply.cookie().unwrap();
        let id = text(&reply.expect(200)["user"]["id"]);
        Self { owner: Owner { id, email, cookie }, admin: admin.to_owned() }
    }

    pub fn begin(&self, anonymous: &Caller) -> RunningWriters {
        let journal = Arc::new(Writing::default());
        let (sender, receiver) = mpsc::unbounded_channel();
        let context = || (anonymous.clone(), self.owner.clone(), journal.clone());
        let tasks = vec![
            tokio::spawn(sign_ups(context(), sender)),
            tokio::spawn(tokens(context(), RevokedBy::Cookie)),
            tokio::spawn(tokens(context(), RevokedBy::Token)),
            tokio::spawn(sign_outs(context())),
            tokio::spawn(deactivations(
                anonymous.with_token(&self.admin),
                journal.clone(),
                receiver,
            )),
        ];
        RunningWriters { tasks, journal }
    }
}

impl RunningWriters {
    /// Waits until the server is gone, and returns what was acknowledged.
    pub async fn end(self) -> Journal {
        for task in self.tasks {
            within_timeout(task).await.unwrap();
        }
        Arc::into_inner(self.journal).unwrap().close()
    }
}

type WriterContext = (Caller, Owner, Arc<Writing>);

async fn sign_ups((anonymous, _, journal): WriterContext, sender: mpsc::UnboundedSender<String>) {
    loop {
        let email = format!("u{:x}@example.com", rand::random::<u64>());
        let body = json!({ "name": "Somebody", "email": email, "password": PASSWORD });
        journal.asked(None);
        let sign_up = anonymous.request(Method::POST, "/api/auth/sign-up/email").json(&body);
        let Some(reply) = answered(sign_up).await else { return };
        let cookie = reply.cookie().unwrap();
        let body = reply.expect(200);
        let (user, session) = (text(&body["user"]["id"]), ("session", text(&body["token"])));
        journal.answered([(("user", user.clone()), true), (session.clone(), true)]);
        journal.cookie(session, &user, cookie);
        // Half of the users are deactivated, at random.
        if rand::random() {
            let _ = sender.send(user);
        }
    }
}

/// Whether a token is revoked by its owner's browser, or by a script with the token itself.
enum RevokedBy {
    Cookie,
    Token,
}

async fn tokens((anonymous, owner, journal): WriterContext, revoked_by: RevokedBy) {
    let browser = anonymous.with_cookie(&owner.cookie);
    loop {
        journal.asked(None);
        let make = browser.request(Method::POST, TOKENS).json(&json!({ "name": "x" }));
        let Some(reply) = answered(make).await else { return };
        let created = reply.expect(201);
        let token: Thing = ("token", text(&created["id"]));
        journal.answered([(token.clone(), true)]);
        journal.token(token.clone(), &owner.id, text(&created["token"]));
        // Half of the tokens are revoked, at random.
        if rand::random() {
            journal.asked(Some(&token));
            let revoke = match revoked_by {
                RevokedBy::Cookie => {
                    browser.request(Method::DELETE, &format!("{TOKENS}/{}", token.1))
                }
                RevokedBy::Token => anonymous
                    .with_token(created["token"].as_str().unwrap())
                    .request(Method::DELETE, CURRENT_TOKEN),
            };
            let Some(reply) = answered(revoke).await else { return };
            reply.expect(204);
            journal.answered([(token, false)]);
        }
    }
}

async fn sign_outs((anonymous, owner, journal): WriterContext) {
    loop {
        let body = json!({ "email": owner.email, "password": PASSWORD });
        journal.asked(None);
        let sign_in = anonymous.request(Method::POST, "/api/auth/sign-in/email").json(&body);
        let Some(reply) = answered(sign_in).await else { return };
        let cookie = reply.cookie().unwrap();
        let session: Thing = ("session", text(&reply.expect(200)["token"]));
        journal.answered([(session.clone(), true)]);
        journal.cookie(session.clone(), &owner.id, cookie.clone());
        journal.asked(Some(&session));
        let browser = anonymous.with_cookie(&cookie);
        let sign_out = browser.request(Method::POST, "/api/auth/sign-out").json(&json!({}));
        let Some(reply) = answered(sign_out).await else { return };
        reply.expect(200);
        journal.answered([(session, false)]);
    }
}

async fn deactivations(
    admin: Caller,
    journal: Arc<Writing>,
    mut receiver: mpsc::UnboundedReceiver<String>,
) {
    while let Some(user) = receiver.recv().await {
        let deactivation: Thing = ("lock-out", user.clone());
        journal.asked(Some(&deactivation));
        let path = format!("/api/admin/users/{user}/deactivate");
        let deactivate = admin.request(Method::POST, &path).json(&json!({}));
        let Some(reply) = answered(deactivate).await else { return };
        reply.expect(200);
        journal.answered([(deactivation, true)]);
    }
}

/// Returns the whole response, if the server lived to send it.
async fn answered(request: RequestBuilder) -> Option<Reply> {
    let response = within_timeout(request.send()).await.ok()?;
    let (status, headers) = (response.status(), response.headers().clone());
    Some(Reply { status, headers, text: response.text().await.ok()? })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
