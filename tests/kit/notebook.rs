//! Folders and the notes in them, of which each belongs to a user.

use actix_web::{
    HttpResponse, Responder,
    http::{StatusCode, header::LOCATION},
    web::{Data, Json, Path},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{
    api::{json::ValidJson, page::Page, page::Paging, page::window, query::ValidQuery},
    component::Component,
    error::{Code, Error},
    gate::{ByCookie, Session, SiteAdmin},
    operations,
    operations::Operations,
    rate_limit, scope,
    state::State,
    store::{
        self, Store, Tables,
        activity::Event,
        constraints::Constraint,
        list_query, load_window, own_user_key,
        page::{Window, new_id},
        query, record_event, transaction,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

const SQLITE: EmbeddedMigrations = embed_migrations!("tests/kit/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("tests/kit/migrations/postgres");

diesel::table! {
    folders (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
    }
}

diesel::table! {
    notes (id) {
        id -> Text,
        user_id -> Text,
        folder_id -> Text,
        name -> Text,
    }
}

const CONSTRAINTS: &[Constraint] =
    &[Constraint::own_user("folders_user_id_fkey"), Constraint::own_user("notes_user_id_fkey")];

pub const TABLES: Tables = Tables {
    component: "notebook",
    version: "1.0.0",
    sqlite: &SQLITE,
    postgres: &POSTGRES,
    constraints: &[CONSTRAINTS],
};

pub fn component() -> Component {
    with_scope(Component::new("notebook")).tables(TABLES).rate_limit::<Exports>()
}

pub fn with_scope(component: Component) -> Component {
    component.scope::<Export>()
}

/// Each operation as a table of its own, so that a test can leave it out.
pub fn operations() -> Vec<Operations> {
    vec![
        operations! { gated { create_folder } },
        operations! { gated { list_notes } },
        operations! { gated { create_note } },
        operations! { gated { add_to_folder } },
        operations! { gated { show_note } },
        operations! { gated { rename_note } },
        operations! { gated { delete_note } },
        operations! { gated { delete_notes } },
        operations! { gated { export_notes } },
    ]
}

#[derive(Serialize, Queryable, Selectable, Insertable, ToSchema)]
#[serde(rename_all = "camelCase")]
#[diesel(table_name = notes)]
pub struct Note {
    pub id: String,
    #[serde(skip)]
    pub user_id: String,
    pub folder_id: String,
    pub name: String,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "Notes by the translator", "folderId": "019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084" }))]
pub struct NewNote {
    pub name: String,
    pub folder_id: Uuid,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Note G" }))]
pub struct Named {
    pub name: String,
}

#[derive(Serialize, ToSchema)]
pub struct Folder {
    id: String,
}

/// Create a folder
#[utoipa::path(post, path = "/api/folders", request_body = Named, responses((status = 201, description = "The folder", body = Folder)))]
pub async fn create_folder(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<Named>,
) -> Result<impl Responder, Error> {
    let (id, user_id) = (new_id(), session.user.id.clone());
    let folder = Folder { id: id.clone() };
    transaction!(state.store, |conn| {
        let created = diesel::insert_into(folders::table)
            .values((
                folders::id.eq(&id),
                folders::user_id.eq(&user_id),
                folders::name.eq(&body.name),
            ))
            .execute(conn)
            .await;
        own_user_key!(conn, created, "folders_user_id_fkey", &user_id)?;
        Ok(())
    })?;
    Ok(Json(folder).customize().with_status(StatusCode::CREATED))
}

/// Returns whether a folder belongs to a user.
pub async fn is_own_folder(store: &Store, id: String, user_id: String) -> Result<bool, Error> {
    let found: Option<String> = query!(store, |conn| folders::table
        .find(&id)
        .filter(folders::user_id.eq(&user_id))
        .select(folders::id)
        .get_result(conn)
        .await
        .optional())?;
    Ok(found.is_some())
}

pub async fn insert(store: &Store, note: Note) -> Result<Note, store::Error> {
    transaction!(store, |conn| {
        let created = diesel::insert_into(notes::table)
            .values(&note)
            .returning(Note::as_returning())
            .get_result(conn)
            .await;
        own_user_key!(conn, created, "notes_user_id_fkey", &note.user_id)
    })
}

/// Inserts a note of this user in a folder, which must be the user's own.
pub async fn insert_in_own_folder(
    store: &Store,
    body: NewNote,
    user_id: String,
) -> Result<Note, Error> {
    let folder_id = body.folder_id.to_string();
    if !is_own_folder(store, folder_id.clone(), user_id.clone()).await? {
        return Err(Code::ValidationFailed.into());
    }
    Ok(insert(store, Note { id: new_id(), user_id, folder_id, name: body.name }).await?)
}

/// Returns a note: of this owner, or of any.
pub async fn find(
    store: &Store,
    id: String,
    owner: Option<String>,
) -> Result<Option<Note>, store::Error> {
    query!(store, |conn| {
        let mut found = notes::table.find(&id).select(Note::as_select()).into_boxed();
        if let Some(owner) = &owner {
            found = found.filter(notes::user_id.eq(owner));
        }
        found.get_result(conn).await.optional()
    })
}

/// Renames a note of this owner.
pub async fn rename(
    store: &Store,
    id: String,
    owner: String,
    name: String,
) -> Result<bool, store::Error> {
    let renamed = transaction!(store, |conn| diesel::update(notes::table.find(&id))
        .filter(notes::user_id.eq(&owner))
        .set(notes::name.eq(&name))
        .execute(conn)
        .await)?;
    Ok(renamed == 1)
}

/// Deletes a note of this owner.
pub async fn delete(store: &Store, id: String, owner: String) -> Result<bool, store::Error> {
    let deleted = transaction!(store, |conn| diesel::delete(notes::table.find(&id))
        .filter(notes::user_id.eq(&owner))
        .execute(conn)
        .await)?;
    Ok(deleted == 1)
}

/// Returns a page of notes: of this owner, or of all.
pub async fn list(
    store: &Store,
    owner: Option<String>,
    window: Window,
) -> Result<store::page::Page<Note>, store::Error> {
    let wanted = window.clone();
    let rows = list_query!(store, |conn| {
        let mut found = notes::table.select(Note::as_select()).into_boxed::<Backend>();
        if let Some(owner) = &owner {
            found = found.filter(notes::user_id.eq(owner));
        }
        load_window!(conn, found, notes::id, &wanted)
    })?;
    Ok(window.page(rows, |note| &note.id))
}

pub fn created(note: Note) -> impl Responder {
    let place = format!("/api/notes/{}", note.id);
    Json(note).customize().with_status(StatusCode::CREATED).insert_header((LOCATION, place))
}

/// List your notes
#[utoipa::path(get, path = "/api/notes", params(Paging), responses((status = 200, description = "Your notes", body = Page<Note>)))]
pub async fn list_notes(
    session: Session,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<Note>>, Error> {
    let window = window(paging.cursor, paging.before, paging.limit)?;
    let page = list(&state.store, Some(session.user.id.clone()), window).await?;
    Ok(Json(Page::of(page, |note| note)))
}

/// Create a note
#[utoipa::path(post, path = "/api/notes", request_body = NewNote, responses((status = 201, description = "The note", body = Note)))]
pub async fn create_note(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<NewNote>,
) -> Result<impl Responder, Error> {
    Ok(created(insert_in_own_folder(&state.store, body, session.user.id.clone()).await?))
}

/// Create a note in a folder
#[utoipa::path(
    post, path = "/api/folders/{id}/notes", request_body = Named, params(("id" = Uuid, Path, description = "The folder's id")),
    responses((status = 201, description = "The note", body = Note))
)]
pub async fn add_to_folder(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Named>,
) -> Result<impl Responder, Error> {
    let (folder_id, user_id) = (id.to_string(), session.user.id.clone());
    if !is_own_folder(&state.store, folder_id.clone(), user_id.clone()).await? {
        return Err(Code::NotFound.into());
    }
    let note = Note { id: new_id(), user_id, folder_id, name: body.name };
    Ok(created(insert(&state.store, note).await?))
}

/// See a note
#[utoipa::path(
    get, path = "/api/notes/{id}", params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 200, description = "The note", body = Note))
)]
pub async fn show_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<Note>, Error> {
    let found = find(&state.store, id.to_string(), Some(session.user.id.clone())).await?;
    Ok(Json(found.ok_or(Code::NotFound)?))
}

/// Rename a note
#[utoipa::path(
    patch, path = "/api/notes/{id}", request_body = Named, params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 204, description = "It has another name"))
)]
pub async fn rename_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Named>,
) -> Result<HttpResponse, Error> {
    let user_id = session.user.id.clone();
    done(rename(&state.store, id.to_string(), user_id, body.name).await?)
}

/// Delete a note
#[utoipa::path(
    delete, path = "/api/notes/{id}", params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 204, description = "It is deleted"))
)]
pub async fn delete_note(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    done(delete(&state.store, id.to_string(), session.user.id.clone()).await?)
}

pub fn done(found: bool) -> Result<HttpResponse, Error> {
    if found { Ok(HttpResponse::NoContent().finish()) } else { Err(Code::NotFound.into()) }
}

scope!(
    /// Everything at once.
    pub Export = "export", "download all notes"
);

rate_limit!(
    /// Limits exports, which are expensive.
    pub Exports = "exports", 10 per hour
);

/// Export your notes
#[utoipa::path(get, path = "/api/export", responses((status = 200, description = "The names of your notes", body = Vec<String>)))]
pub async fn export_notes(
    session: Session,
    _: Export,
    _: Exports,
    state: Data<State>,
) -> Result<Json<Vec<String>>, Error> {
    let own = list(&state.store, Some(session.user.id.clone()), Window::first(100)).await?;
    Ok(Json(own.rows.into_iter().map(|note| note.name).collect()))
}

/// Delete every note
#[utoipa::path(delete, path = "/api/admin/notes", responses((status = 204, description = "They are deleted")))]
pub async fn delete_notes(admin: SiteAdmin, state: Data<State>) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let event = Event::custom(&admin.user.id, "notes-deleted", &admin.user.id, &json!({}), now);
    transaction!(state.store, |conn| {
        diesel::delete(notes::table).execute(conn).await?;
        record_event!(conn, &event);
        Ok(())
    })?;
    Ok(HttpResponse::NoContent().finish())
}
