use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{Caller, PASSWORD, Person, Reply};

/// Waits for what must come to an end, however the store fares: this tells late from never.
pub async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("the wait is bounded")
}

/// Somebody with a cookie and a token who watches what becomes of them while the store is in trouble.
pub struct Witness {
    pub nobody: Caller,
    pub email: String,
    pub browser: Caller,
    pub script: Caller,
}

impl Witness {
    pub async fn of(person: &Person, nobody: &Caller) -> Self {
        let script = person.token(&["read", "write"]).await;
        Self {
            nobody: nobody.clone(),
            email: person.email.clone(),
            browser: person.browser.clone(),
            script,
        }
    }

    /// Signs up with a server that runs.
    pub async fn sign_up(nobody: &Caller) -> Self {
        Self::sign_up_as(nobody, "witness@example.com").await
    }

    pub async fn sign_up_as(nobody: &Caller, email: &str) -> Self {
        let body = json!({ "name": "Witness", "email": email, "password": PASSWORD });
        let reply = nobody.post("/api/auth/sign-up/email", body).await;
        let browser = nobody.with_cookie(&reply.cookie().expect("sign-up sets the cookie"));
        let person =
            Person { id: String::new(), email: email.to_owned(), browser: browser.clone() };
        Self::of(&person, nobody).await
    }

    /// The same keys, at a server that has taken the place of the first.
    pub fn at(&self, nobody: &Caller) -> Self {
        Self {
            nobody: nobody.clone(),
            email: self.email.clone(),
            browser: nobody.with_cookie(self.browser.cookie.as_ref().unwrap()),
            script: nobody.with_token(self.script.token.as_ref().unwrap()),
        }
    }

    fn reads(&self) -> Vec<reqwest::RequestBuilder> {
        let mut reads = Vec::new();
        for caller in [&self.browser, &self.script] {
            for path in ["/api/me", "/api/dashboard", "/api/projects"] {
                reads.push(caller.request(Method::GET, path));
            }
        }
        let page = self.browser.request(Method::GET, "/api/settings").header("Accept", "text/html");
        reads.push(page);
        reads.push(self.browser.request(Method::GET, "/api/auth/get-session"));
        reads
    }

    fn writes(&self) -> Vec<reqwest::RequestBuilder> {
        let project = json!({ "name": "during" });
        let sign_in = json!({ "email": self.email, "password": PASSWORD });
        vec![
            self.browser.request(Method::POST, "/api/projects").json(&project),
            self.script.request(Method::POST, "/api/projects").json(&project),
            self.browser.request(Method::POST, "/api/auth/sign-out").json(&json!({})),
            self.nobody.request(Method::POST, "/api/auth/sign-in/email").json(&sign_in),
        ]
    }

    /// Nothing that needs the store is answered, nobody is taken for anonymous, and probes say so.
    pub async fn sees_an_outage(&self) {
        let mut requests = self.reads();
        requests.extend(self.writes());
        requests.push(self.nobody.request(Method::GET, "/health/ready"));
        self.all_are_put_off(requests).await;
        let dashboard = bounded(self.nobody.get("/api/dashboard")).await.expect(200);
        assert_eq!(dashboard["signedIn"], false, "who presents nothing asks nobody");
        bounded(self.nobody.get("/health/live")).await.expect(200);
    }

    /// What reads is answered as ever, what writes is put off, and so nobody is sent elsewhere.
    pub async fn sees_that_nothing_can_be_written(&self) {
        for reply in self.answers(self.reads()).await {
            assert_eq!(reply.header("set-cookie"), None);
            reply.expect(200);
        }
        self.all_are_put_off(self.writes()).await;
        bounded(self.nobody.get("/health/live")).await.expect(200);
        bounded(self.nobody.get("/health/ready")).await.expect(200);
    }

    /// The same cookie and the same token work, some time after the trouble is over: until then 503 is
    /// all that they may hear.
    pub async fn is_served_again(&self) {
        bounded(async {
            loop {
                let replies = self.answers(self.reads()).await;
                let (served, others): (Vec<_>, Vec<_>) =
                    replies.iter().partition(|reply| reply.status == 200);
                for reply in &others {
                    put_off(reply);
                }
                if others.is_empty() {
                    return assert!(served.iter().all(|r| r.header("set-cookie").is_none()));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        for caller in [&self.browser, &self.script] {
            let me = caller.get("/api/me").await.expect(200);
            assert_eq!(me["user"]["email"], self.email.as_str());
            // A connection for writes that is dead is not noticed by reads.
            bounded(async {
                loop {
                    let reply = caller.post("/api/projects", json!({ "name": "after" })).await;
                    if reply.status == 201 {
                        return;
                    }
                    put_off(&reply);
                }
            })
            .await;
        }
        self.nobody.get("/health/ready").await.expect(200);
    }

    async fn all_are_put_off(&self, requests: Vec<reqwest::RequestBuilder>) {
        for reply in self.answers(requests).await {
            put_off(&reply);
        }
    }

    /// All at once, as callers come.
    async fn answers(&self, requests: Vec<reqwest::RequestBuilder>) -> Vec<Reply> {
        let asked: Vec<_> =
            requests.into_iter().map(|request| tokio::spawn(bounded(Reply::of(request)))).collect();
        let mut replies = Vec::new();
        for reply in asked {
            replies.push(reply.await.unwrap());
        }
        replies
    }
}

/// 503 with Retry-After, and neither a cookie nor a way elsewhere.
#[track_caller]
pub fn put_off(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert_eq!(reply.json()["code"], "store_unavailable", "{}", reply.text);
    assert!(reply.header("retry-after").is_some());
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.header("location"), None);
}
