//! Where a browser lands until there are pages.

use crate::support::*;

#[apply(both)]
async fn a_browser_is_led_to_the_docs(backend: Backend) {
    let server = backend.start().await;
    for path in ["/", "/docs", "/login", "/login?next=%2Fapi%2Fsettings", "/reset-password"] {
        let reply = server.nobody.navigate(path).await;
        assert_eq!(reply.status, 302, "{path}");
        assert_eq!(reply.header("location"), Some("/docs/"));
    }
}
