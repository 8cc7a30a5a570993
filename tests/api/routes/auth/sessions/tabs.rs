//! Several tabs of one browser share a cookie, and their responses arrive in any order.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use portcullis::store::lease_settings;

use super::*;

/// A browser that stores the cookie of the last response.
struct Browser {
    anonymous: Caller,
    cookie: Mutex<String>,
}

impl Browser {
    fn tab(&self) -> Caller {
        self.anonymous.with_cookie(&self.cookie.lock().unwrap())
    }

    fn keep(&self, reply: &Reply) {
        let cookie = reply.cookie().expect("the response sets another cookie");
        *self.cookie.lock().unwrap() = cookie;
    }
}

/// Sends requests all the time, as a page that watches its session does, until it is stopped.
async fn poll(browser: &Browser, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let tab = browser.tab();
        for reply in [tab.get(GET_SESSION).await, tab.navigate(ME).await, tab.get(ME).await] {
            assert_eq!(reply.header("set-cookie"), None, "a late response sets no cookie");
        }
    }
}

#[apply(on_both_databases)]
async fn concurrent_tabs_keep_the_new_cookie_while_another_tab_rotates_it(backend: Backend) {
    let server = backend.start().await;
    lease_settings::set(&server.state.store, 300).await.unwrap();
    let ada = server.sign_up("ada").await;
    let browser = Browser {
        anonymous: server.anonymous.clone(),
        cookie: Mutex::new(ada.browser.cookie.clone().unwrap()),
    };
    let mut password = PASSWORD.to_owned();
    for round in 0..rounds(3) {
        for how in ["verify", "change", "change and keep the others", "sign in"] {
            let before = browser.tab();
            let stop = AtomicBool::new(false);
            let renewing = async {
                let tab = browser.tab();
                let new = format!("another horse battery {round} {how}");
                let change = |revoke| json!({ "currentPassword": password, "newPassword": new, "revokeOtherSessions": revoke });
                let reply = match how {
                    "verify" => tab.post(VERIFY_PASSWORD, json!({ "password": password })).await,
                    "change" => tab.post(CHANGE_PASSWORD, change(true)).await,
                    "change and keep the others" => tab.post(CHANGE_PASSWORD, change(false)).await,
                    _ => {
                        let body = json!({ "email": ada.email, "password": password });
                        tab.post(SIGN_IN, body).await
                    }
                };
                browser.keep(&reply);
                reply.expect(200);
                // Responses to earlier requests are still on their way.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                stop.store(true, Ordering::Relaxed);
                how.starts_with("change").then_some(new)
            };
            let (new, (), ()) =
                tokio::join!(renewing, poll(&browser, &stop), poll(&browser, &stop));
            if let Some(new) = new {
                password = new;
            }
            for tab in [browser.tab(), browser.tab(), browser.tab()] {
                assert!(is_signed_in(&tab).await, "{how}");
                assert_eq!(tab.get(GET_SESSION).await.expect(200)["user"]["id"], ada.id.as_str());
            }
            assert!(!is_signed_in(&before).await, "{how}: the old cookie is rejected");
        }
    }
}
