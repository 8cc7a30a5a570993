//! The rules of access that every product keeps, as tests over the operations of its document: a new operation is
//! covered as soon as it is there. [`access_rules!`] adds a test for each rule and database; [`Rule`] says what
//! each one asserts.
//!
//! ```no_run
//! # use portcullis::product::Product;
//! # fn product() -> Product { Product::new("Ledger", "1.0.0") }
//! use portcullis::testkit::{access_rules, rules::AccessRules};
//!
//! access_rules!(product, |rules: AccessRules| rules.public("show_price").reference("projectId", "/api/projects"));
//! # fn main() {}
//! ```

mod activity;
mod bodies;
pub mod cases;
mod constraints;
mod conventions;
mod declared;
mod examples;
mod forged;
mod items;
mod limits;
mod lists;
mod other_users;
mod pages;
mod rows;
pub mod sweep;

use std::sync::Arc;

pub use declared::access_table;
pub use items::{Items, NoItems};

use super::{Backend, Document, Operation, Server};
use crate::product::Product;

/// What is wrong with an operation, as a sentence. That its request cannot be prepared is wrong, too.
pub type Violation = String;

/// A rule of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// What an operation declares fits its method and path: it accepts anonymous requests only if the test names it as
    /// [`public`](AccessRules::public); under `/api/admin/` it requires a site admin; and with GET it reads.
    Conventions,
    /// Each operation accepts the credentials that it declares, and no others: every kind of credential is tried. A
    /// request that is rejected, or whose method is safe (RFC 9110, 9.2.1), changes no row of the product's tables. The
    /// same goes for pages, as browsers open them; without those whose path has an id.
    Security,
    /// The example of each body succeeds as it is in the document.
    Examples,
    /// Items of a user, and what belongs to them, are not found by other users, by cookie and by token, nor by an admin,
    /// and stay unchanged, whatever a header such as `X-User-Id` says. The response is that to an id that does not
    /// exist. And a user can have an item with the same values as another user's.
    OtherUsers,
    /// What an operation returns to a user does not depend on the items of another: neither in a list nor in a number,
    /// whatever is in the query string, or in a header such as `X-User-Id`.
    Lists,
    /// No body sets the owner, and none refers to another user's item.
    Bodies,
    /// Each operation under `/api/admin/` that changes something records one event in the activity log, with the admin
    /// as its actor; a rejected one records none.
    Activity,
    /// Each constraint that a component declares exists in the database: one whose name is misspelled would be a 500 when it
    /// is broken.
    Constraints,
    /// Each operation with a rate limit of the product's own rejects a user's requests above it, and counts each user's
    /// apart.
    RateLimits,
}

/// The product under test, and what its document does not say.
pub struct AccessRules<I = NoItems> {
    product: Product,
    document: Arc<Document>,
    with_library: bool,
    public: Vec<&'static str>,
    shared: Vec<&'static str>,
    references: Vec<(&'static str, &'static str)>,
    items: I,
}

impl AccessRules {
    /// Returns the rules for the operations that a product's components add.
    pub fn of(product: Product) -> Self {
        let document = Document::of(&product);
        Self {
            product,
            document,
            with_library: false,
            public: Vec::new(),
            shared: Vec::new(),
            references: Vec::new(),
            items: NoItems,
        }
    }
}

impl<I: Items> AccessRules<I> {
    /// Names an operation by its id, or a page by its path, that is open to anonymous clients.
    #[must_use]
    pub fn public(mut self, operation: &'static str) -> Self {
        self.public.push(operation);
        self
    }

    /// Names an operation whose items have values that are unique among all users, so that one user can find out about
    /// another's.
    #[must_use]
    pub fn unique_across_users(mut self, operation: &'static str) -> Self {
        self.shared.push(operation);
        self
    }

    /// Says that a field of bodies is the id of an item of this collection, or an array of such ids: `projectId` of
    /// `/api/projects`.
    #[must_use]
    pub fn reference(mut self, field: &'static str, collection: &'static str) -> Self {
        self.references.push((field, collection));
        self
    }

    /// Includes the operations of this library, which has tests of its own.
    #[must_use]
    pub fn with_library(self) -> Self {
        Self { with_library: true, ..self }
    }

    /// Creates the items that no operation of the document creates.
    #[must_use]
    pub fn items<J: Items>(self, items: J) -> AccessRules<J> {
        let Self { product, document, with_library, public, shared, references, .. } = self;
        AccessRules { product, document, with_library, public, shared, references, items }
    }

    /// Asserts that the product keeps a rule.
    ///
    /// # Panics
    /// When it does not, with everything that is wrong.
    pub async fn assert(&self, rule: Rule, backend: Backend) {
        let wrong = self.violations(rule, backend).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Returns each violation of a rule.
    pub async fn violations(&self, rule: Rule, backend: Backend) -> Vec<Violation> {
        match rule {
            Rule::Conventions => self.unconventional(),
            Rule::Security => {
                let operations = self.unenforced(backend).await;
                operations.into_iter().chain(self.unenforced_pages(backend).await).collect()
            }
            Rule::Examples => self.failing_examples(backend).await,
            Rule::OtherUsers => self.visible_to_others(backend).await,
            Rule::Lists => self.dependent_on_others(backend).await,
            Rule::Bodies => self.accepted_owners(backend).await,
            Rule::Activity => self.unrecorded(backend).await,
            Rule::Constraints => self.missing_constraints(backend).await,
            Rule::RateLimits => self.unlimited(backend).await,
        }
    }

    /// Returns the operations under test.
    fn operations(&self) -> Vec<Operation<'_>> {
        if self.with_library { self.document.operations() } else { self.document.own_operations() }
    }

    async fn start(&self, backend: Backend) -> Server {
        Server::start(self.product.clone(), backend).await
    }
}

/// Adds a test for each [`Rule`] on each database, and one that compares the committed `access.txt` beside the test with
/// what each operation declares: [`access_table`]. The argument is the function that returns the product. A second one is
/// a function that adds to the [`AccessRules`].
#[macro_export]
macro_rules! access_rules {
    ($product:path) => {
        $crate::access_rules!($product, |rules| rules);
    };
    ($product:path, $more:expr) => {
        mod access_rules {
            use super::*;

            $crate::access_rules!(@tests $product, $more;
                operations_follow_conventions Conventions,
                declared_security_is_enforced Security,
                examples_succeed Examples,
                items_of_other_users_are_not_found OtherUsers,
                lists_do_not_depend_on_other_users Lists,
                bodies_set_no_owner Bodies,
                admin_writes_are_recorded Activity,
                declared_constraints_exist Constraints,
                own_rate_limits_are_enforced RateLimits,
            );

            #[test]
            fn access_of_each_operation_was_reviewed() {
                let file = $crate::testkit::beside(env!("CARGO_MANIFEST_DIR"), file!(), "access.txt");
                let table = $crate::testkit::rules::access_table(&$product());
                $crate::testkit::assert_generated(file, &table);
            }
        }
    };
    (@tests $product:path, $more:expr; $($test:ident $rule:ident,)+) => {
        $(
            $crate::test_on_both_databases!($test, |backend| {
                let rules = $crate::testkit::rules::AccessRules::of($product());
                #[allow(clippy::redundant_closure_call, reason = "it may be a closure or a function")]
                let rules = ($more)(rules);
                rules.assert($crate::testkit::rules::Rule::$rule, backend).await;
            });
        )+
    };
}

pub use crate::access_rules;
