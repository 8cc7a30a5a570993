//! An attacker signs up with another person's email first (account pre-hijacking).

use super::*;

/// How the owner of the email arrives.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    Provider,
    MagicLink,
    Reset,
}

async fn arrive(site: &Site, email: &str, by: Arrival) -> Caller {
    let server = &site.server;
    let reply = match by {
        Arrival::Provider => return site.signed_in(verified("ada", email)).await,
        Arrival::MagicLink => {
            let body = json!({ "email": email });
            server.anonymous.post("/api/auth/sign-in/magic-link", body).await.expect(200);
            let body = json!({ "token": server.last_mail_to(email).await.secret() });
            server.anonymous.post("/api/auth/magic-link/verify", body).await
        }
        Arrival::Reset => {
            let secret = reset_link(server, email).await;
            reset_password(server, &secret, NEW_PASSWORD).await.expect(200);
            sign_in_with(server, email, NEW_PASSWORD).await
        }
    };
    server.anonymous.with_cookie(&reply.cookie().expect("the owner has a session"))
}

#[apply(on_both_databases)]
async fn nothing_that_an_earlier_registrant_left_works_however_the_owner_arrives(backend: Backend) {
    for by in [Arrival::Provider, Arrival::MagicLink, Arrival::Reset] {
        let site = Site::start(backend).await;
        let server = &site.server;
        let mut eve = server.sign_up("ada").await;
        let mut passkey = eve.add(server.passkey()).await;
        let app = eve.enable_two_factor(server).await;
        let token = eve.token(&["read", "write"]).await;
        let reset = reset_link(server, &eve.email).await;
        let change = change_email_link(server, &eve.browser, "eve@attacker.example").await;

        let ada = arrive(&site, &eve.email, by).await;
        let me = ada.get(ME).await.expect(200)["user"].clone();
        assert_eq!(me["id"], eve.id, "{by:?}: the user is the same");
        assert_eq!((&me["emailVerified"], &me["twoFactorEnabled"]), (&json!(true), &json!(false)));
        let accounts = ada.get(LIST_ACCOUNTS).await.expect(200);
        let accounts: Vec<_> =
            accounts.as_array().unwrap().iter().map(|account| &account["providerId"]).collect();
        assert_eq!(
            accounts,
            match by {
                Arrival::Provider => vec!["op"],
                Arrival::MagicLink => vec![],
                Arrival::Reset => vec!["credential"],
            }
        );
        for credential in [&eve.browser, &token] {
            assert_eq!(credential.get(ME).await.status, 401, "{by:?}");
        }
        let reply = sign_in_with(server, &eve.email, PASSWORD).await;
        reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
        let reply = server.anonymous.use_passkey(&mut passkey).await;
        assert_eq!(reply.cookie(), None, "{by:?}");
        reply.assert_problem(401, "PASSKEY_NOT_FOUND");
        let body = json!({ "code": app.code(server.now()) });
        let reply = ada.post("/api/auth/two-factor/verify-totp", body).await;
        reply.assert_problem(400, "TOTP_NOT_ENABLED");
        let reply = reset_password(server, &reset, PASSWORD).await;
        reply.assert_problem(400, "INVALID_TOKEN");
        let reply = confirm_email(&eve.browser, &change).await;
        reply.assert_problem(401, "INVALID_TOKEN");
    }
}
