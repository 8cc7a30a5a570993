//! `GET /api/tokens/{id}`

use super::*;

#[apply(on_both_databases)]
async fn show_token_to_its_owner_returns_everything_but_the_token(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "script" })).await;
    for caller in [&ada.browser, &token_caller(&server, &created)] {
        assert_eq!(caller.get(&token_path(&created)).await.expect(200), public_token(&created));
    }
}
