//! The contract of a user-owned resource: only its owner can list, show, update and delete an item, by session cookie
//! or by a token with the scope; lists are paginated, and bodies validated.
//!
//! `user_owned_resource!(tasks: product, "/api/tasks", "title");` adds a module `tasks` with the tests, each on both
//! databases. The values that they send are those that the document allows, and those that it does not.
//!
//! To send others, implement [`UserOwnedResource`], and add `user_owned_resource!(tasks: Tasks);` below. Where some tests do
//! not apply, name the parts that do: `user_owned_resource!(tokens: ApiTokens; access, list, show);`.

#![allow(missing_docs, reason = "a test's name says what it asserts")]

mod access;
mod create;
mod delete;
mod list;
mod show;
mod update;
mod values;

#[doc(hidden)]
pub use {access::*, create::*, delete::*, list::*, show::*, update::*};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{BAD_PAGES, Backend, Caller, Reply, Server, TestUser, each, pages, rounds};
use values::Body;

use crate::{product::Product, store::page::new_id, time::seconds};

/// A field, an invalid value, and the message of the error, which is empty where the JSON parser determines it.
pub type InvalidField = (&'static str, Value, &'static str);

/// A resource whose items belong to the user who created them.
pub trait UserOwnedResource: Sized {
    /// Returns the product that has the resource.
    fn product() -> Product;

    /// The path of the list. The path of an item is `{PATH}/{id}`.
    const PATH: &'static str;

    /// A text field, by which the tests identify items. It may be unique among the items of a user.
    const LABEL: &'static str;

    /// Whether a token with the scope `write` may create, update and delete. Otherwise a session cookie is required.
    const TOKENS_MAY_WRITE: bool = true;

    /// Returns the body of a new item with this label: the required fields of the document's example, unless it is
    /// implemented.
    fn body(label: &str) -> Value {
        with_field(Body::of::<Self>(&Method::POST).smallest_example(), Self::LABEL, &json!(label))
    }

    /// Returns other valid bodies. Each field is shown as it was sent. Unless it is implemented: bodies with the least and the
    /// greatest values that the document allows, and with every name of an enum.
    fn valid_bodies() -> Vec<Value> {
        Body::of::<Self>(&Method::POST).valid()
    }

    /// Returns valid changes, to be applied in this order. The first changes an item. Unless it is implemented: changes of
    /// one field each, to the same values.
    fn valid_changes() -> Vec<Value> {
        Body::of::<Self>(&Method::PATCH).valid_changes()
    }

    /// Returns invalid fields of a new item. Unless it is implemented: values beyond the limits that the document names, and
    /// of other types.
    fn invalid_fields() -> Vec<InvalidField> {
        Body::of::<Self>(&Method::POST).invalid()
    }

    /// Returns invalid fields of a change.
    fn invalid_changes() -> Vec<InvalidField> {
        Self::invalid_fields()
    }

    /// Returns fields that are unknown in a new item, besides the owner, the id and the dates.
    fn unknown_fields() -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Returns fields that are unknown in a change, besides the owner, the id and the dates.
    fn unknown_changes() -> Vec<(&'static str, Value)> {
        Self::unknown_fields()
    }

    /// Returns a created item as later responses show it.
    fn shown(created: Value) -> Value {
        created
    }
}

/// A created item.
struct Item {
    path: String,
    id: String,
    /// The item as shown to its owner.
    shown: Value,
}

async fn create_item<R: UserOwnedResource>(owner: &Caller, label: &str) -> Item {
    created_item::<R>(owner.post(R::PATH, R::body(label)).await)
}

/// Returns the item of a response to a creation.
fn created_item<R: UserOwnedResource>(reply: Reply) -> Item {
    let path = reply.header("location").map(ToOwned::to_owned);
    let shown = R::shown(reply.expect(201));
    let path = path.expect("the response has a Location");
    Item { path, id: shown["id"].as_str().unwrap().to_owned(), shown }
}

/// Returns a valid change, which changes an item that `body` describes.
fn change<R: UserOwnedResource>() -> Value {
    let body = R::body("item");
    let changes = |change: &Value| {
        let mut fields = change.as_object().unwrap().iter();
        fields.any(|(field, value)| body.get(field).is_some_and(|present| present != value))
    };
    R::valid_changes().into_iter().find(changes).expect("there is a valid change")
}

/// Returns a body with a field set.
fn with_field(mut body: Value, field: &str, value: &Value) -> Value {
    body[field] = value.clone();
    body
}

async fn list_items<R: UserOwnedResource>(caller: &Caller) -> Vec<Value> {
    caller.get(R::PATH).await.expect(200)["items"].as_array().unwrap().clone()
}

/// Returns a request for each operation that reads: list and show.
fn read_requests<R: UserOwnedResource>(caller: &Caller, item: &Item) -> Vec<RequestBuilder> {
    [R::PATH, &item.path].map(|path| caller.request(Method::GET, path)).into()
}

/// Returns a request for each operation that writes: create, update and delete.
fn write_requests<R: UserOwnedResource>(caller: &Caller, item: &Item) -> Vec<RequestBuilder> {
    vec![
        caller.request(Method::POST, R::PATH).json(&R::body("unwanted")),
        caller.request(Method::PATCH, &item.path).json(&change::<R>()),
        caller.request(Method::DELETE, &item.path),
    ]
}

async fn assert_all_rejected(requests: Vec<RequestBuilder>, status: u16, code: &str) {
    for request in requests {
        Reply::of(request).await.assert_problem(status, code);
    }
}

/// Asserts that an item has not changed since it was created.
async fn assert_unchanged(owner: &TestUser, item: &Item) {
    assert_eq!(owner.browser.get(&item.path).await.expect(200), item.shown);
}

#[track_caller]
fn assert_field_rejected(reply: Reply, (field, value, message): &(&str, Value, &str)) {
    let problem = reply.assert_problem(422, "validation_failed");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(each(errors, "field"), [*field], "{value}: {problem}");
    let actual = errors[0]["message"].as_str().unwrap();
    assert!(actual == *message || message.is_empty(), "{field} {value}: {problem}");
}

/// Asserts that a body with NUL in any of its texts, which the document names, is rejected with the name of the field.
async fn assert_nul_rejected<R: UserOwnedResource>(
    owner: &Caller,
    method: Method,
    path: &str,
    body: Value,
) {
    let fields = Body::of::<R>(&method).texts();
    assert!(fields.contains(&R::LABEL.to_owned()), "{} is a text: {fields:?}", R::LABEL);
    for field in fields {
        let body = with_field(body.clone(), &field, &json!("a\0b"));
        let reply = Reply::of(owner.request(method.clone(), path).json(&body)).await;
        let problem = reply.assert_problem(422, "validation_failed");
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(each(errors, "field"), [field], "{problem}");
    }
}

/// Returns fields that a client cannot set in any resource.
fn owner_id_and_dates(other: &TestUser) -> Vec<(&'static str, Value)> {
    let date = json!("2000-01-01T00:00:00.000Z");
    vec![
        ("userId", json!(other.id)),
        ("user_id", json!(other.id)),
        ("id", json!(new_id())),
        ("createdAt", date.clone()),
        ("updatedAt", date),
    ]
}

/// Asserts that another user's item cannot be changed by this write, and stays unchanged.
async fn assert_write_is_not_found_for_other_users<R: UserOwnedResource>(
    backend: Backend,
    write: impl AsyncFn(&Caller, &str) -> Reply,
) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let admin = server.sign_up_admin("admin").await;
    let item = create_item::<R>(&ada.browser, "item").await;
    server.advance(seconds(1));
    for caller in [&grace.browser, &admin.browser] {
        write(caller, &item.path).await.assert_problem(404, "not_found");
    }
    let reply = write(&grace.token_with_custom_scopes(&["read", "write"]).await, &item.path).await;
    if R::TOKENS_MAY_WRITE {
        reply.assert_problem(404, "not_found");
    } else {
        reply.assert_problem(403, "cookie_required");
    }
    assert_unchanged(&ada, &item).await;
}

/// Adds a module of this name with the contract's tests for a resource: all of them, or those of the named parts.
///
/// The resource is a type that implements [`UserOwnedResource`], or: the function that returns the product, the path of the
/// list, and a text field by which the tests identify items.
///
/// ```ignore
/// user_owned_resource!(tasks: product, "/api/tasks", "title");
/// user_owned_resource!(invoices: Invoices);
/// user_owned_resource!(tokens: ApiTokens; access, list, show);
/// ```
#[macro_export]
macro_rules! user_owned_resource {
    ($name:ident: $product:ident, $path:literal, $label:literal) => {
        mod $name {
            use super::*;

            struct Resource;

            impl $crate::testkit::UserOwnedResource for Resource {
                fn product() -> $crate::product::Product {
                    $product()
                }

                const PATH: &'static str = $path;
                const LABEL: &'static str = $label;
            }

            $crate::user_owned_resource!(@all Resource);
        }
    };
    ($name:ident: $resource:ty) => {
        mod $name {
            use super::*;

            $crate::user_owned_resource!(@all $resource);
        }
    };
    ($name:ident: $resource:ty; $($part:ident),+) => {
        mod $name {
            use super::*;

            $($crate::user_owned_resource!(@$part $resource);)+
        }
    };
    (@all $resource:ty) => {
        $crate::user_owned_resource!(@access $resource);
        $crate::user_owned_resource!(@list $resource);
        $crate::user_owned_resource!(@create $resource);
        $crate::user_owned_resource!(@show $resource);
        $crate::user_owned_resource!(@update $resource);
        $crate::user_owned_resource!(@partial_update $resource);
        $crate::user_owned_resource!(@delete $resource);
        $crate::user_owned_resource!(@removal $resource);
        $crate::user_owned_resource!(@token_writes $resource);
    };
    (@access $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            requests_without_credentials_are_unauthorized,
            token_without_read_scope_cannot_list_or_show,
            token_without_write_scope_cannot_create_update_or_delete,
            csrf_from_another_origin_is_forbidden,
            unknown_or_malformed_ids_are_not_found,
            deactivated_user_is_unauthorized_until_reactivated,
        );
    };
    (@list $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            list_of_a_new_user_is_empty,
            list_shows_only_the_callers_own_items,
            list_pagination_shows_each_item_once_newest_first,
            list_page_holds_20_items_by_default,
            list_cursor_of_another_user_shows_nothing,
            list_with_an_invalid_query_is_rejected,
        );
    };
    (@create $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            create_returns_the_item_and_its_location,
            create_with_an_invalid_field_is_rejected,
            create_with_an_unknown_field_is_rejected,
            create_without_a_required_field_is_rejected,
            create_with_nul_in_a_text_is_rejected,
        );
    };
    (@show $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            show_returns_the_callers_item_by_cookie_and_token,
            show_of_another_users_item_is_not_found,
        );
    };
    (@update $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            update_changes_only_the_given_fields,
            update_of_another_users_item_is_not_found,
            update_with_an_invalid_field_is_rejected,
            update_with_an_unknown_field_is_rejected,
            update_with_nul_in_a_text_is_rejected,
        );
    };
    (@partial_update $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            update_with_an_empty_body_changes_nothing,
        );
    };
    (@delete $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            delete_of_another_users_item_is_not_found,
        );
    };
    (@removal $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            deleted_item_is_not_found_and_others_remain,
            concurrent_deletes_of_an_item_succeed_once,
            list_pagination_is_stable_while_items_are_created_and_deleted,
        );
    };
    (@token_writes $resource:ty) => {
        $crate::user_owned_resource!(
            @tests $resource:
            token_with_write_scope_creates_updates_and_deletes,
        );
    };
    (@tests $resource:ty: $($test:ident,)+) => {
        $(
            $crate::test_on_both_databases!($test, |backend| {
                $crate::testkit::user_owned_resource::$test::<$resource>(backend).await;
            });
        )+
    };
}

pub use crate::user_owned_resource;
