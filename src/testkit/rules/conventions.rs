//! What an operation declares fits its method and path.

use super::{AccessRules, Items, Violation};

impl<I: Items> AccessRules<I> {
    pub(super) fn unconventional(&self) -> Vec<Violation> {
        let operations = self.operations();
        let mut wrong = Vec::new();
        for operation in &operations {
            let id = operation.id;
            let is_named = self.public.contains(&id);
            if operation.is_public() && !is_named {
                wrong.push(format!(
                    "{id} accepts anonymous requests, and the test does not name it as public"
                ));
            }
            if is_named && !operation.is_public() {
                wrong
                    .push(format!("the test names {id} as public, but it requires authentication"));
            }
            let is_under_admin = operation.path.starts_with("/api/admin/");
            if is_under_admin && !operation.requires_admin() {
                wrong.push(format!("{id} is under /api/admin/, and does not require a site admin"));
            }
            if operation.requires_admin() && !is_under_admin {
                wrong.push(format!("{id} requires a site admin, and is not under /api/admin/"));
            }
        }
        let mut known: Vec<&str> = operations.iter().map(|operation| operation.id).collect();
        for page in self.product.own_pages() {
            known.push(page.path);
            if !page.access.required && !self.public.contains(&page.path) {
                wrong.push(format!(
                    "the page {} is open to anonymous visitors, and the test does not name it as public",
                    page.path
                ));
            }
        }
        let named = self.public.iter().chain(&self.shared);
        let unknown = named.filter(|name| !known.contains(name));
        wrong.extend(unknown.map(|name| format!("the test names {name}, which does not exist")));
        wrong
    }
}
