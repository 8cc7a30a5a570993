//! Projects: a resource that belongs to a user, open to both keys. Copy this file for yours.

use actix_web::{
    HttpResponse, Responder,
    http::{StatusCode, header::LOCATION},
    web::{Data, Json, Path},
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    json::ValidJson,
    page::{Page, Paging, window},
    query::ValidQuery,
    tag,
};
use crate::{
    error::{Code, Error},
    fields,
    gate::Session,
    state::State,
    store::{
        page::new_id,
        projects::{self, Changes, ProjectRow},
    },
    time::Timestamp,
};

/// Something that you work on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    id: String,
    #[schema(example = "Analytical Engine")]
    name: String,
    #[schema(required)]
    description: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// List your projects
#[utoipa::path(get, path = "/api/projects", tag = tag::PROJECTS, params(Paging), responses((status = 200, description = "A page of your projects, newest first", body = Page<Project>)))]
pub async fn list_projects(
    session: Session,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<Project>>, Error> {
    let window = window(paging.cursor, paging.limit);
    let page = projects::list(&state.store, session.user.id.clone(), window).await?;
    Ok(Json(Page::of(page, Project::from)))
}

/// A project to make.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Analytical Engine", "description": "Weaves algebra as the loom weaves flowers."}))]
pub struct CreateProject {
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[validate(custom(function = "fields::text"))]
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// Make a project
#[utoipa::path(
    post, path = "/api/projects", tag = tag::PROJECTS, request_body = CreateProject,
    responses((status = 201, description = "The project", body = Project, headers(("Location" = String, description = "Where it is")))),
)]
pub async fn create_project(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<CreateProject>,
) -> Result<impl Responder, Error> {
    let now = state.clock.now();
    let row = ProjectRow {
        id: new_id(),
        user_id: session.user.id.clone(),
        name: body.name,
        description: body.description,
        created_at: now,
        updated_at: now,
    };
    let project = Project::from(projects::create(&state.store, row).await?);
    let place = format!("/api/projects/{}", project.id);
    Ok(Json(project).customize().with_status(StatusCode::CREATED).insert_header((LOCATION, place)))
}

/// See a project
#[utoipa::path(get, path = "/api/projects/{id}", tag = tag::PROJECTS, params(("id" = Uuid, Path, description = "The project's id")), responses((status = 200, description = "The project", body = Project)))]
pub async fn show_project(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<Project>, Error> {
    let found = projects::find(&state.store, session.user.id.clone(), id.to_string()).await?;
    Ok(Json(found.ok_or(Code::NotFound)?.into()))
}

/// What to change of a project. What is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Difference Engine"}))]
pub struct UpdateProject {
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Null empties it.
    #[serde(default, deserialize_with = "given")]
    #[validate(custom(function = "fields::text"))]
    #[schema(value_type = Option<String>, max_length = 2000)]
    #[expect(
        clippy::option_option,
        reason = "left out, null, or text: three things that JSON tells apart"
    )]
    description: Option<Option<String>>,
}

/// Tells null, which is given, from nothing, for which this is never called.
#[expect(clippy::option_option, reason = "as above")]
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Change a project
#[utoipa::path(
    patch, path = "/api/projects/{id}", tag = tag::PROJECTS, params(("id" = Uuid, Path, description = "The project's id")), request_body = UpdateProject,
    responses((status = 200, description = "The project as it is now", body = Project)),
)]
pub async fn update_project(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<UpdateProject>,
) -> Result<Json<Project>, Error> {
    let changes =
        Changes { name: body.name, description: body.description, updated_at: state.clock.now() };
    let found =
        projects::update(&state.store, session.user.id.clone(), id.to_string(), changes).await?;
    Ok(Json(found.ok_or(Code::NotFound)?.into()))
}

/// Delete a project
///
/// For good.
#[utoipa::path(delete, path = "/api/projects/{id}", tag = tag::PROJECTS, params(("id" = Uuid, Path, description = "The project's id")), responses((status = 204, description = "It is no more")))]
pub async fn delete_project(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    if projects::delete(&state.store, session.user.id.clone(), id.to_string()).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Code::NotFound.into())
    }
}
