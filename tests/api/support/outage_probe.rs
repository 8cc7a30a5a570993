use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{CURRENT_TOKEN, Caller, PASSWORD, Reply, TOKENS, TestUser};

/// Waits for work that must end, whatever state the store is in: tells slow from never.
pub async fn within_timeout<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("the wait is bounded")
}

/// A user with a cookie and a token that sends requests during an outage and checks the responses.
pub struct OutageProbe {
    pub anonymous: Caller,
    pub email: String,
    pub browser: Caller,
    pub script: Caller,
}

impl OutageProbe {
    pub async fn of(person: &TestUser, anonymous: &Caller) -> Self {
        let script = person.token(&["read", "write"]).await;
        Self {
            anonymous: anonymous.clone(),
            email: person.email.clone(),
            browser: person.browser.clone(),
            script,
        }
    }

    /// Signs up at a running server.
    pub async fn sign_up(anonymous: &Caller) -> Self {
        Self::sign_up_as(anonymous, "witness@example.com").await
    }

    pub async fn sign_up_as(anonymous: &Caller, email: &str) -> Self {
        let body = json!({ "name": "Witness", "email": email, "password": PASSWORD });
        let reply = anonymous.post("/api/auth/sign-up/email", body).await;
        let browser = anonymous.with_cookie(&reply.cookie().expect("sign-up sets the cookie"));
        let person =
            TestUser { id: String::new(), email: email.to_owned(), browser: browser.clone() };
        Self::of(&person, anonymous).await
    }

    /// Returns the same credentials, for a server that has replaced the first.
    pub fn at(&self, anonymous: &Caller) -> Self {
        Self {
            anonymous: anonymous.clone(),
            email: self.email.clone(),
            browser: anonymous.with_cookie(self.browser.cookie.as_ref().unwrap()),
            script: anonymous.with_token(self.script.token.as_ref().unwrap()),
        }
    }

    fn reads(&self) -> Vec<reqwest::RequestBuilder> {
        let mut reads = Vec::new();
        for caller in [&self.browser, &self.script] {
            for path in ["/api/me", "/api/dashboard", TOKENS] {
                reads.push(caller.request(Method::GET, path));
            }
        }
        let page = self.browser.request(Method::GET, "/api/settings").header("Accept", "text/html");
        reads.push(page);
        reads.push(self.browser.request(Method::GET, "/api/auth/get-session"));
        reads
    }

    fn writes(&self) -> Vec<reqwest::RequestBuilder> {
        let sign_in = json!({ "email": self.email, "password": PASSWORD });
        vec![
            self.browser.request(Method::POST, TOKENS).json(&json!({ "name": "during" })),
            self.script.request(Method::DELETE, CURRENT_TOKEN),
            self.browser.request(Method::POST, "/api/auth/sign-out").json(&json!({})),
            self.anonymous.request(Method::POST, "/api/auth/sign-in/email").json(&sign_in),
        ]
    }

    /// Asserts that no request that needs the store succeeds, that no credential is treated as anonymous, and
    /// that the probes report the outage.
    pub async fn assert_outage(&self) {
        let mut requests = self.reads();
        requests.extend(self.writes());
        requests.push(self.anonymous.request(Method::GET, "/health/ready"));
        self.assert_all_unavailable(requests).await;
        let dashboard = within_timeout(self.anonymous.get("/api/dashboard")).await.expect(200);
        assert_eq!(dashboard["signedIn"], false, "a request without a credential needs no lookup");
        within_timeout(self.anonymous.get("/health/live")).await.expect(200);
    }

    /// Asserts that reads succeed, that writes get 503, and that the instance therefore stays ready.
    pub async fn assert_read_only(&self) {
        for reply in self.answers(self.reads()).await {
            assert_eq!(reply.header("set-cookie"), None);
            reply.expect(200);
        }
        self.assert_all_unavailable(self.writes()).await;
        within_timeout(self.anonymous.get("/health/live")).await.expect(200);
        within_timeout(self.anonymous.get("/health/ready")).await.expect(200);
    }

    /// Asserts that the same cookie and token work again some time after the fault is over: until then 503 is
    /// the only other response.
    pub async fn assert_recovered(&self) {
        within_timeout(async {
            loop {
                let replies = self.answers(self.reads()).await;
                let (served, others): (Vec<_>, Vec<_>) =
                    replies.iter().partition(|reply| reply.status == 200);
                for reply in &others {
                    assert_unavailable(reply);
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
        }
        // Reads do not detect a dead connection for writes.
        within_timeout(async { while !self.writes_by_cookie_and_token().await {} }).await;
        self.anonymous.get("/health/ready").await.expect(200);
    }

    /// Creates a token by cookie, which then revokes itself. Returns false if one of the two was unavailable.
    async fn writes_by_cookie_and_token(&self) -> bool {
        let created = self.browser.post(TOKENS, json!({ "name": "after" })).await;
        if created.status != 201 {
            assert_unavailable(&created);
            return false;
        }
        let token = created.json()["token"].as_str().unwrap().to_owned();
        let revoked = self.anonymous.with_token(&token).delete(CURRENT_TOKEN).await;
        if revoked.status != 204 {
            assert_unavailable(&revoked);
            return false;
        }
        true
    }

    async fn assert_all_unavailable(&self, requests: Vec<reqwest::RequestBuilder>) {
        for reply in self.answers(requests).await {
            assert_unavailable(&reply);
        }
    }

    /// Sends all requests concurrently, as clients do.
    async fn answers(&self, requests: Vec<reqwest::RequestBuilder>) -> Vec<Reply> {
        let tasks: Vec<_> = requests
            .into_iter()
            .map(|request| tokio::spawn(within_timeout(Reply::of(request))))
            .collect();
        let mut replies = Vec::new();
        for reply in tasks {
            replies.push(reply.await.unwrap());
        }
        replies
    }
}

/// Asserts 503 with Retry-After, without a cookie or a redirect.
#[track_caller]
pub fn assert_unavailable(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert_eq!(reply.json()["code"], "store_unavailable", "{}", reply.text);
    assert!(reply.header("retry-after").is_some());
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.header("location"), None);
}
