//! GET /api/tokens/{id}

use super::*;

#[apply(on_both_databases)]
async fn show_token_to_its_owner_returns_everything_but_the_token(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    for caller in [&ada.browser, &holder(&server, &made)] {
        assert_eq!(caller.get(&place(&made)).await.expect(200), view(&made));
    }
}
