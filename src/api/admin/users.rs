//! Users: list, create, show, update.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use strum::{EnumString, IntoStaticStr};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use validator::Validate;

use super::AdminUser;
use crate::{
    api::{
        client::client,
        created,
        json::ValidJson,
        page::{Page, default_limit, window},
        query::ValidQuery,
        tag,
        user::Role,
    },
    error::{Code, Error},
    fields::{self, normal_email},
    gate::{ByCookie, Fresh, SiteAdmin},
    jobs::{Job, Mail, MailKind},
    state::State,
    store::{
        activity::{Action, Event},
        page::Cursor,
        registration::{self, CreateUserOptions},
        user_administration,
        users::{self, Changes, Filter},
    },
};

/// Which users.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Words of the name or email, in any order, each from its beginning; or a whole email; or an id. Neither
    /// case nor accents matter.
    #[validate(custom(function = "fields::search"))]
    search: Option<String>,
    /// Only this role.
    #[param(inline)]
    role: Option<Role>,
    /// Only these.
    #[param(inline)]
    state: Option<UserState>,
    /// `nextCursor` of the page before; without it, the first page.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// `previousCursor` of the page after, for the page before it. Not together with `cursor`.
    #[param(value_type = Option<String>)]
    before: Option<Cursor>,
    /// The number of items on a page, 1 to 100.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100, message = "must be 1 to 100"))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
}

/// Whether a user is deactivated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, ToSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum UserState {
    /// They are not.
    Active,
    /// They are.
    Deactivated,
}

/// A page of users, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPage {
    #[serde(flatten)]
    page: Page<AdminUser>,
    /// There are more than 1,000 results, of which only some are shown: narrow the search. Left out otherwise.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(default = false)]
    truncated: bool,
    /// Some users are not in the search index yet, and cannot be found yet. Left out otherwise.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(default = false)]
    indexing: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl From<users::UserPage> for UserPage {
    fn from(page: users::UserPage) -> Self {
        Self {
            page: Page::of(page.page, AdminUser::from),
            truncated: page.truncated,
            indexing: page.indexing,
        }
    }
}

/// List users
///
/// A search for words that very many users have shows some of them, and says so.
#[utoipa::path(
    get,
    path = "/api/admin/users",
    tag = tag::ADMIN,
    params(Listing),
    responses((status = 200, description = "A page of users, newest first", body = UserPage))
)]
pub async fn list_users(
    _: SiteAdmin,
    state: Data<State>,
    ValidQuery(listing): ValidQuery<Listing>,
) -> Result<Json<UserPage>, Error> {
    let filter = Filter {
        search: listing.search,
        role: listing.role.map(Into::into),
        deactivated: listing.state.map(|state| state == UserState::Deactivated),
    };
    let window = window(listing.cursor, listing.before, listing.limit)?;
    let page = users::list(&state.store, filter, window).await?;
    Ok(Json(page.into()))
}

/// A user to create.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Grace", "email": "grace@example.com", "role": "user"}))]
pub struct CreateUser {
    /// The user's name.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Their email, to which a link is mailed. Upper and lower case are the same.
    #[validate(custom(function = "fields::email"))]
    #[schema(format = Email)]
    email: String,
    /// `user` if left out.
    role: Option<Role>,
}

/// Create a user
///
/// The user receives an email with a link to choose a password. The link works for three days; after that the user
/// requests a new one.
#[utoipa::path(
    post, path = "/api/admin/users", tag = tag::ADMIN, request_body = CreateUser,
    responses((status = 201, description = "The user", body = AdminUser, headers(("Location" = String, description = "The URL of the user")))),
)]
pub async fn create_user(
    admin: SiteAdmin,
    _: ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ValidJson(body): ValidJson<CreateUser>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let role = body.role.unwrap_or(Role::User);
    let user = users::User::new(body.name, normal_email(&body.email), role.into(), now);
    let detail = json!({ "role": role });
    let invitation = Job::from(Mail::new(MailKind::Invitation, &user.email));
    let with = CreateUserOptions {
        account: None,
        mail: Some(invitation.row(Some(&user.id), now)),
        event: Event::new(Some(&admin.user.id), Action::UserCreated, &user.id, &detail, now)
            .from_client(client(&request)),
    };
    let user: AdminUser = registration::create_user(&state.store, user, with)
        .await
        .map_err(|error| Error::or_taken(error, "email", Code::EmailTaken))??
        .into();
    state.job_added.notify_one();
    Ok(created("/api/admin/users", &user.id, &user))
}

/// See a user
///
/// As admins see them: with their role, and since when they are deactivated.
#[utoipa::path(
    get,
    path = "/api/admin/users/{id}",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The user", body = AdminUser))
)]
pub async fn show_user(
    _: SiteAdmin,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<AdminUser>, Error> {
    let found = users::find(&state.store, id.to_string()).await?;
    Ok(Json(found.ok_or(Code::NotFound)?.into()))
}

/// The changes to a user. Omitted fields stay as they are.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "admin"}))]
pub struct UpdateUser {
    /// The user's name.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What the user may do. After a change they must sign in again.
    role: Option<Role>,
}

/// Change a user's name or role
///
/// The site keeps at least one active admin.
#[utoipa::path(
    patch, path = "/api/admin/users/{id}", tag = tag::ADMIN, params(("id" = Uuid, Path, description = "The user's id")), request_body = UpdateUser,
    responses((status = 200, description = "The user as they are now", body = AdminUser)),
)]
pub async fn update_user(
    admin: SiteAdmin,
    _: ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<UpdateUser>,
) -> Result<Json<AdminUser>, Error> {
    let now = state.clock.now();
    let id = id.to_string();
    let event = Event::new(Some(&admin.user.id), Action::UserUpdated, &id, &json!({}), now)
        .from_client(client(&request));
    let changes = Changes { name: body.name, role: body.role.map(Into::into), updated_at: now };
    let user = user_administration::update(&state.store, id, changes, event).await??;
    Ok(Json(user.into()))
}
