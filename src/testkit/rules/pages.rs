//! The pages that a product's components add, to the browsers of every kind of visitor.

use crate::{
    gate::Access,
    testkit::{Backend, Caller, Server},
};

use super::{AccessRules, Items, Violation, rows::Rows};

/// A visitor's browser: of which user, and whether the gate knows them.
struct Visitor {
    description: &'static str,
    browser: Caller,
    signed_in: bool,
    admin: bool,
}

impl<I: Items> AccessRules<I> {
    /// Opens each page as each kind of visitor. Returns each response that its access does not allow, and each page that
    /// changes a row.
    pub(super) async fn unenforced_pages(&self, backend: Backend) -> Vec<Violation> {
        let server = self.start(backend).await;
        let rows = Rows::of(&server).await;
        let visitors = visitors(&server).await;
        let mut wrong = Vec::new();
        for page in self.product.own_pages() {
            // Whose id it is depends on the page.
            if page.path.contains('{') {
                continue;
            }
            for visitor in &visitors {
                let before = rows.read(&server, &[]).await;
                let reply = visitor.browser.navigate(page.path).await;
                let expected = expected(page.access, visitor);
                if reply.status != expected {
                    wrong.push(format!(
                        "the page {} to {}: {}, declared {expected}",
                        page.path, visitor.description, reply.status
                    ));
                }
                if let Some(changed) = before.difference(&rows.read(&server, &[]).await) {
                    wrong.push(format!("the page {} changed {changed}", page.path));
                }
            }
        }
        wrong
    }
}

async fn visitors(server: &Server) -> Vec<Visitor> {
    let user = server.sign_up("user").await;
    let admin = server.sign_up_admin("admin").await;
    let deactivated = server.sign_up("deactivated").await;
    server.deactivate(&deactivated).await;
    let visitor =
        |description, browser, signed_in, admin| Visitor { description, browser, signed_in, admin };
    vec![
        visitor("an anonymous browser", server.anonymous.clone(), false, false),
        visitor("a user", user.browser, true, false),
        visitor("an admin", admin.browser, true, true),
        visitor("a deactivated user", deactivated.browser, false, false),
    ]
}

/// Returns the status of the page to this visitor: a redirect to the sign-in page, an error page, or the page.
fn expected(access: Access, visitor: &Visitor) -> u16 {
    match visitor {
        Visitor { signed_in: false, .. } if access.required => 302,
        Visitor { signed_in: true, admin: false, .. } if access.admin => 403,
        _ => 200,
    }
}
