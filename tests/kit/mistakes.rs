//! Operations with a mistake in their access control, each in place of one of the notebook or in addition to it.

use actix_web::{
    HttpResponse, Responder,
    web::{Data, Json, Path},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use portcullis::{
    api::{json::ValidJson, page::Page, page::Paging, page::window, query::ValidQuery},
    error::{Code, Error},
    gate::{Session, SiteAdmin},
    pages::View,
    state::State,
    store::{constraints::Constraint, page::new_id, query, transaction, users::Role},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use validator::Validate;

use super::notebook::{
    Named, NewNote, Note, created, delete, done, find, folders, insert, insert_in_own_folder,
    is_own_folder, list, notes, rename,
};

/// Constraints of which none exists: their names are misspelled, or the tables lack them.
pub const CONSTRAINTS: &[Constraint] = &[
    Constraint::own_user("notes_user_fkey"),
    Constraint::unique("notes_pkey", "notes.name", "name", "is taken"),
    Constraint::unique("notes_name_key", "notes.id", "name", "is taken"),
    Constraint::check("notes_name_check", "name", "is too long"),
    Constraint::not_null("notes.colour", "colour", "is missing"),
];

async fn owner_of(state: &State, id: String) -> Result<String, Error> {
    let note = find(&state.store, id, None).await?;
    Ok(note.ok_or(Code::NotFound)?.user_id)
}

/// List notes
#[utoipa::path(get, path = "/api/notes", params(Paging), responses((status = 200, description = "Notes", body = Page<Note>)))]
pub async fn list_notes_of_all(
    _: Session,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<Note>>, Error> {
    let window = window(paging.cursor, paging.before, paging.limit)?;
    Ok(Json(Page::of(list(&state.store, None, window).await?, |note| note)))
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OfUser {
    user_id: Option<String>,
}

/// List notes
#[utoipa::path(get, path = "/api/notes", params(OfUser), responses((status = 200, description = "Notes", body = Page<Note>)))]
pub async fn list_notes_by_user(
    session: Session,
    state: Data<State>,
    ValidQuery(query): ValidQuery<OfUser>,
) -> Result<Json<Page<Note>>, Error> {
    let owner = query.user_id.unwrap_or_else(|| session.user.id.clone());
    let page = list(&state.store, Some(owner), window(None, None, 20)?).await?;
    Ok(Json(Page::of(page, |note| note)))
}

#[derive(Serialize, ToSchema)]
pub struct Count {
    count: i64,
}

/// Count notes
#[utoipa::path(get, path = "/api/note-count", responses((status = 200, description = "Their number", body = Count)))]
pub async fn count_notes(_: Session, state: Data<State>) -> Result<Json<Count>, Error> {
    let count = query!(state.store, |conn| notes::table.count().get_result(conn).await)?;
    Ok(Json(Count { count }))
}

/// See a note
#[utoipa::path(
    get, path = "/api/notes/{id}", params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 200, description = "The note", body = Note))
)]
pub async fn show_any_note(
    _: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<Note>, Error> {
    Ok(Json(find(&state.store, id.to_string(), None).await?.ok_or(Code::NotFound)?))
}

/// See a note
#[utoipa::path(
    get, path = "/api/notes/{id}", params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 200, description = "The note", body = Note))
)]
pub async fn show_forbidden_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<Note>, Error> {
    let note = find(&state.store, id.to_string(), None).await?.ok_or(Code::NotFound)?;
    if note.user_id != session.user.id {
        return Err(Code::AdminRequired.into());
    }
    Ok(Json(note))
}

/// See a note
#[utoipa::path(
    get, path = "/api/notes/{id}", params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 200, description = "The note", body = Note))
)]
pub async fn show_and_rename_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<Note>, Error> {
    let user_id = session.user.id.clone();
    let note = find(&state.store, id.to_string(), Some(user_id.clone())).await?;
    let note = note.ok_or(Code::NotFound)?;
    rename(&state.store, id.to_string(), user_id, format!("{} (seen)", note.name)).await?;
    Ok(Json(note))
}

/// Rename a note
#[utoipa::path(
    patch, path = "/api/notes/{id}", request_body = Named, params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 200, description = "The note", body = Note))
)]
pub async fn rename_any_note(
    _: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Named>,
) -> Result<Json<Note>, Error> {
    let owner = owner_of(&state, id.to_string()).await?;
    rename(&state.store, id.to_string(), owner, body.name).await?;
    Ok(Json(find(&state.store, id.to_string(), None).await?.ok_or(Code::NotFound)?))
}

/// Delete a note
#[utoipa::path(
    delete, path = "/api/notes/{id}", params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 204, description = "It is deleted"))
)]
pub async fn delete_any_note(
    _: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let owner = owner_of(&state, id.to_string()).await?;
    done(delete(&state.store, id.to_string(), owner).await?)
}

/// Create a note in a folder
#[utoipa::path(
    post, path = "/api/folders/{id}/notes", request_body = Named, params(("id" = Uuid, Path, description = "The folder's id")),
    responses((status = 201, description = "The note", body = Note))
)]
pub async fn add_to_any_folder(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Named>,
) -> Result<impl Responder, Error> {
    let user_id = session.user.id.clone();
    let note = Note { id: new_id(), user_id, folder_id: id.to_string(), name: body.name };
    Ok(created(insert(&state.store, note).await?))
}

/// Create a note
#[utoipa::path(post, path = "/api/notes", request_body = NewNote, responses((status = 201, description = "The note", body = Note)))]
pub async fn create_unique_note(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<NewNote>,
) -> Result<impl Responder, Error> {
    let name = body.name.clone();
    let taken: i64 = query!(state.store, |conn| notes::table
        .filter(notes::name.eq(&name))
        .count()
        .get_result(conn)
        .await)?;
    if taken > 0 {
        return Err(Code::Conflict.into());
    }
    Ok(created(insert_in_own_folder(&state.store, body, session.user.id.clone()).await?))
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "Notes by the translator", "folderId": "019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084" }))]
pub struct NewNoteFor {
    name: String,
    folder_id: Uuid,
    user_id: Option<String>,
}

/// Create a note
#[utoipa::path(post, path = "/api/notes", request_body = NewNoteFor, responses((status = 201, description = "The note", body = Note)))]
pub async fn create_note_for(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<NewNoteFor>,
) -> Result<impl Responder, Error> {
    let (folder_id, own) = (body.folder_id.to_string(), session.user.id.clone());
    if !is_own_folder(&state.store, folder_id.clone(), own.clone()).await? {
        return Err(Code::ValidationFailed.into());
    }
    let user_id = body.user_id.unwrap_or(own);
    let note = Note { id: new_id(), user_id, folder_id, name: body.name };
    Ok(created(insert(&state.store, note).await?))
}

/// Create a note
#[utoipa::path(post, path = "/api/notes", request_body = NewNote, responses((status = 201, description = "The note", body = Note)))]
pub async fn create_note_anywhere(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<NewNote>,
) -> Result<impl Responder, Error> {
    let (folder_id, user_id) = (body.folder_id.to_string(), session.user.id.clone());
    let note = Note { id: new_id(), user_id, folder_id, name: body.name };
    Ok(created(insert(&state.store, note).await?))
}

/// Create a note
#[utoipa::path(post, path = "/api/notes", request_body = NewNote, responses((status = 201, description = "The note", body = Note)))]
pub async fn create_and_reject_note(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<NewNote>,
) -> Result<impl Responder, Error> {
    let note = insert_in_own_folder(&state.store, body, session.user.id.clone()).await?;
    if session.session.is_none() {
        return Err(Code::CookieRequired.into());
    }
    Ok(created(note))
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "", "folderId": "019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084" }))]
pub struct NewNoteWithBadExample {
    #[validate(length(min = 1))]
    name: String,
    folder_id: Uuid,
}

/// Create a note
#[utoipa::path(post, path = "/api/notes", request_body = NewNoteWithBadExample, responses((status = 201, description = "The note", body = Note)))]
pub async fn create_note_with_bad_example(
    session: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<NewNoteWithBadExample>,
) -> Result<impl Responder, Error> {
    let body = NewNote { name: body.name, folder_id: body.folder_id };
    Ok(created(insert_in_own_folder(&state.store, body, session.user.id.clone()).await?))
}

/// Suggest a note
#[utoipa::path(post, path = "/api/suggestions", request_body = Named, responses((status = 204, description = "Thank you")))]
pub async fn suggest_note(
    session: Option<Session>,
    state: Data<State>,
    ValidJson(body): ValidJson<Named>,
) -> Result<HttpResponse, Error> {
    let id = session.map(|session| session.user.id.clone()).unwrap_or_default();
    rename(&state.store, id, String::new(), body.name).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Delete every note
#[utoipa::path(delete, path = "/api/admin/notes", responses((status = 204, description = "They are deleted")))]
pub async fn delete_all_notes(_: Session, state: Data<State>) -> Result<HttpResponse, Error> {
    transaction!(state.store, |conn| diesel::delete(notes::table).execute(conn).await)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Delete every note
#[utoipa::path(delete, path = "/api/admin/notes", responses((status = 204, description = "They are deleted")))]
pub async fn delete_notes_silently(
    _: SiteAdmin,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    transaction!(state.store, |conn| diesel::delete(notes::table).execute(conn).await)?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(askama::Template)]
#[template(source = "<h1>Notes</h1>", ext = "html")]
struct Notes;

/// A page that shows something to every visitor.
pub async fn show_public_page(_: Option<Session>) -> Result<View, Error> {
    View::new("Notes", &Notes)
}

/// A page for admins, whose arguments say that it is for all users.
pub async fn show_page_of_admins(session: Session) -> Result<View, Error> {
    if session.user.role != Role::Admin {
        return Err(Code::AdminRequired.into());
    }
    View::new("Statistics", &Notes)
}

/// A page that creates a folder at the first visit.
pub async fn show_page_that_writes(session: Session, state: Data<State>) -> Result<View, Error> {
    let (id, user_id) = (new_id(), session.user.id.clone());
    transaction!(state.store, |conn| {
        let folder =
            (folders::id.eq(&id), folders::user_id.eq(&user_id), folders::name.eq("first"));
        diesel::insert_into(folders::table).values(folder).execute(conn).await?;
        Ok(())
    })?;
    View::new("Start", &Notes)
}
