//! The operations, for callers with a cookie or a token.

use actix_web::{
    HttpResponse, Responder,
    http::{StatusCode, header::LOCATION},
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use portcullis::{
    fields,
    prelude::*,
    store::{Stored, page::new_id},
};

use super::{
    TAG,
    store::{self, Changes, ProjectRow, ProjectStatus},
};

/// A project, which belongs to one user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084",
    "name": "Analytical Engine",
    "shortName": "engine",
    "description": "Weaves algebra as the loom weaves flowers.",
    "status": "active",
    "estimatedHours": 400,
    "dueDate": "2027-06-30",
    "createdAt": "2026-11-23T12:48:00.000Z",
    "updatedAt": "2026-11-23T12:48:00.000Z",
}))]
pub struct Project {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// The project's name.
    name: String,
    /// Another name, for a URL for example: no other project of yours has it.
    #[schema(required)]
    short_name: Option<String>,
    /// What it is about; null for nothing.
    #[schema(required)]
    description: Option<String>,
    /// The project's status. A newer server may have given it a status that is not known here.
    #[schema(value_type = ProjectStatus)]
    status: Stored<ProjectStatus>,
    /// How many hours it will take.
    #[schema(required, minimum = 1, maximum = 10000)]
    estimated_hours: Option<i32>,
    /// The day by which it is to be done.
    #[schema(required)]
    due_date: Option<Date>,
    /// When it was created.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            short_name: row.short_name,
            description: row.description,
            status: row.status,
            estimated_hours: row.estimated_hours,
            due_date: row.due_date,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// List your projects
///
/// Newest first; `nextCursor` leads to the next page.
#[utoipa::path(
    get,
    path = "/api/projects",
    tag = TAG,
    params(Paging),
    responses(
        (status = 200, description = "A page of your projects, newest first", body = Page<Project>)
    )
)]
pub async fn list_projects(
    owner: Owner,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<Project>>, Error> {
    let window = window(paging.cursor, paging.before, paging.limit)?;
    let page = store::list(&state.store, owner.id, window).await?;
    Ok(Json(Page::of(page, Project::from)))
}

/// A project to create. All fields but the name are optional.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Analytical Engine",
    "shortName": "engine",
    "description": "Weaves algebra as the loom weaves flowers.",
    "status": "active",
    "estimatedHours": 400,
    "dueDate": "2027-06-30"
}))]
pub struct CreateProject {
    /// The project's name.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is about.
    #[validate(custom(function = "fields::text"))]
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Another name, for a URL for example: no other project of yours has it.
    #[validate(custom(function = "fields::short_name"))]
    #[schema(min_length = 1, max_length = 30, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    short_name: Option<String>,
    /// `planned` if left out.
    status: Option<ProjectStatus>,
    /// How many hours it will take.
    #[validate(range(min = 1, max = 10000, message = "must be 1 to 10000"))]
    #[schema(minimum = 1, maximum = 10000)]
    estimated_hours: Option<i32>,
    /// The day by which it is to be done.
    due_date: Option<Date>,
}

/// Create a project
///
/// It belongs to you: other users can neither see nor change it.
#[utoipa::path(
    post, path = "/api/projects", tag = TAG, request_body = CreateProject,
    responses(
        (status = 201, description = "The project", body = Project, headers(("Location" = String, description = "The URL of the project"))),
    ),
)]
pub async fn create_project(
    owner: Owner,
    state: Data<State>,
    ValidJson(body): ValidJson<CreateProject>,
) -> Result<impl Responder, Error> {
    let now = state.clock.now();
    let row = ProjectRow {
        id: new_id(),
        user_id: owner.id,
        name: body.name,
        description: body.description,
        created_at: now,
        updated_at: now,
        short_name: body.short_name,
        status: body.status.unwrap_or(ProjectStatus::Planned).into(),
        estimated_hours: body.estimated_hours,
        due_date: body.due_date,
    };
    let project = Project::from(store::create(&state.store, row).await?);
    let place = format!("/api/projects/{}", project.id);
    Ok(Json(project).customize().with_status(StatusCode::CREATED).insert_header((LOCATION, place)))
}

/// See a project
///
/// A project of another user is 404, like one that does not exist.
#[utoipa::path(
    get,
    path = "/api/projects/{id}",
    tag = TAG,
    params(("id" = Uuid, Path, description = "The project's id")),
    responses((status = 200, description = "The project", body = Project))
)]
pub async fn show_project(
    owner: Owner,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<Project>, Error> {
    let found = store::find(&state.store, owner.id, id.to_string()).await?;
    Ok(Json(found.ok_or(Code::NotFound)?.into()))
}

/// The changes to a project. Omitted fields stay as they are.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Difference Engine", "status": "done", "dueDate": null}))]
#[expect(
    clippy::option_option,
    reason = "left out, null, or a value: three things that JSON tells apart"
)]
pub struct UpdateProject {
    /// The project's name.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Null clears it.
    #[serde(default, deserialize_with = "fields::given")]
    #[validate(custom(function = "fields::text"))]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<String>>,
    /// Null removes it.
    #[serde(default, deserialize_with = "fields::given")]
    #[validate(custom(function = "fields::short_name"))]
    #[schema(
        value_type = Option<String>,
        min_length = 1,
        max_length = 30,
        pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
    )]
    short_name: Option<Option<String>>,
    /// The project's status.
    status: Option<ProjectStatus>,
    /// Null removes it.
    #[serde(default, deserialize_with = "fields::given")]
    #[validate(range(min = 1, max = 10000, message = "must be 1 to 10000"))]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 10000)]
    estimated_hours: Option<Option<i32>>,
    /// Null removes it.
    #[serde(default, deserialize_with = "fields::given")]
    #[schema(value_type = Option<Date>)]
    due_date: Option<Option<Date>>,
}

/// Change a project
///
/// What is left out stays as it is.
#[utoipa::path(
    patch, path = "/api/projects/{id}", tag = TAG, params(("id" = Uuid, Path, description = "The project's id")), request_body = UpdateProject,
    responses(
        (status = 200, description = "The project as it is now", body = Project),
    ),
)]
pub async fn update_project(
    owner: Owner,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<UpdateProject>,
) -> Result<Json<Project>, Error> {
    let changes = Changes {
        name: body.name,
        description: body.description,
        short_name: body.short_name,
        status: body.status.map(Into::into),
        estimated_hours: body.estimated_hours,
        due_date: body.due_date,
        updated_at: state.clock.now(),
    };
    let found = store::update(&state.store, owner.id, id.to_string(), changes).await?;
    Ok(Json(found.ok_or(Code::NotFound)?.into()))
}

/// Delete a project
///
/// This cannot be undone.
#[utoipa::path(
    delete,
    path = "/api/projects/{id}",
    tag = TAG,
    params(("id" = Uuid, Path, description = "The project's id")),
    responses((status = 204, description = "The project was deleted"))
)]
pub async fn delete_project(
    owner: Owner,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    if store::delete(&state.store, owner.id, id.to_string()).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Code::NotFound.into())
    }
}
