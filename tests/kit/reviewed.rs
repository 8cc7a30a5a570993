//! Mistakes that a reviewer chose, who had not written the kit.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    http::header::CONTENT_DISPOSITION,
    web::{Data, Json, Path},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use portcullis::{
    api::{json::ValidJson, page::Page, page::Paging, page::window, query::ValidQuery},
    error::{Code, Error},
    gate::Session,
    state::State,
    store::{own_user_key, page::new_id, query, transaction, users::Role},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use validator::Validate;

use crate::notebook::{
    Named, NewNote, Note, created, done, find, folders, insert, is_own_folder, list, notes, rename,
};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "Note G", "folderId": "019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084" }))]
pub struct NoteChange {
    pub name: Option<String>,
    pub folder_id: Option<Uuid>,
}

/// Change a note
// Replaces `rename_note`. The note must be the caller's, but the folder to which it moves must only exist.
#[utoipa::path(
    patch, path = "/api/notes/{id}", request_body = NoteChange, params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 204, description = "It is changed"))
)]
pub async fn move_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<NoteChange>,
) -> Result<HttpResponse, Error> {
    let (id, user_id) = (id.to_string(), session.user.id.clone());
    let found = find(&state.store, id.clone(), Some(user_id.clone())).await?;
    let note = found.ok_or(Code::NotFound)?;
    let name = body.name.unwrap_or(note.name);
    let folder_id = body.folder_id.map_or(note.folder_id, |folder| folder.to_string());
    let wanted = folder_id.clone();
    let folder: Option<String> = query!(state.store, |conn| folders::table
        .find(&wanted)
        .select(folders::id)
        .get_result(conn)
        .await
        .optional())?;
    if folder.is_none() {
        return Err(Code::ValidationFailed.into());
    }
    let changed = transaction!(state.store, |conn| diesel::update(notes::table.find(&id))
        .filter(notes::user_id.eq(&user_id))
        .set((notes::name.eq(&name), notes::folder_id.eq(&folder_id)))
        .execute(conn)
        .await)?;
    done(changed == 1)
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "ids": ["019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084"] }))]
pub struct Selection {
    pub ids: Vec<Uuid>,
}

/// Delete the selected notes
// A new operation. The ids in the body are trusted: notes of other users are deleted too, and the response is the
// same whatever was deleted.
#[utoipa::path(
    post, path = "/api/notes/delete-selected", request_body = Selection,
    responses((status = 204, description = "They are deleted"))
)]
pub async fn delete_selected(
    _: Session,
    state: Data<State>,
    ValidJson(body): ValidJson<Selection>,
) -> Result<HttpResponse, Error> {
    let ids: Vec<String> = body.ids.iter().map(Uuid::to_string).collect();
    transaction!(state.store, |conn| diesel::delete(notes::table)
        .filter(notes::id.eq_any(&ids))
        .execute(conn)
        .await)?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "noteId": "019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084" }))]
pub struct Original {
    pub note_id: Uuid,
}

/// Copy a note into a folder
// A new operation. The folder must be the caller's, but the note that is copied may be anyone's: the copy is the
// caller's, and shows its content.
#[utoipa::path(
    post, path = "/api/folders/{id}/copies", request_body = Original, params(("id" = Uuid, Path, description = "The folder's id")),
    responses((status = 201, description = "The copy", body = Note))
)]
pub async fn copy_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Original>,
) -> Result<impl Responder, Error> {
    let (folder_id, user_id) = (id.to_string(), session.user.id.clone());
    if !is_own_folder(&state.store, folder_id.clone(), user_id.clone()).await? {
        return Err(Code::NotFound.into());
    }
    let found = find(&state.store, body.note_id.to_string(), None).await?;
    let original = found.ok_or(Code::ValidationFailed)?;
    let copy = Note { id: new_id(), user_id, folder_id, name: original.name };
    Ok(created(insert(&state.store, copy).await?))
}

/// Delete a folder and the notes in it
// A new operation. The notes are deleted first, by their folder alone; only then does the folder's owner matter. So
// the response is 404 for another user's folder, and the notes in it are gone.
#[utoipa::path(
    delete, path = "/api/folders/{id}", params(("id" = Uuid, Path, description = "The folder's id")),
    responses((status = 204, description = "It is deleted"))
)]
pub async fn delete_folder(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let (id, user_id) = (id.to_string(), session.user.id.clone());
    let deleted = transaction!(state.store, |conn| {
        diesel::delete(notes::table).filter(notes::folder_id.eq(&id)).execute(conn).await?;
        diesel::delete(folders::table.find(&id))
            .filter(folders::user_id.eq(&user_id))
            .execute(conn)
            .await
    })?;
    done(deleted == 1)
}

/// Create a note under an id that you choose, or replace it
// A new operation. If the id is taken, the row is overwritten, even if it is another user's.
#[utoipa::path(
    put, path = "/api/notes/{id}", request_body = NewNote, params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 204, description = "It is saved"))
)]
pub async fn put_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<NewNote>,
) -> Result<HttpResponse, Error> {
    let (folder_id, user_id) = (body.folder_id.to_string(), session.user.id.clone());
    if !is_own_folder(&state.store, folder_id.clone(), user_id.clone()).await? {
        return Err(Code::ValidationFailed.into());
    }
    let note = Note { id: id.to_string(), user_id, folder_id, name: body.name };
    transaction!(state.store, |conn| {
        let saved = diesel::insert_into(notes::table)
            .values(&note)
            .on_conflict(notes::id)
            .do_update()
            .set((notes::name.eq(&note.name), notes::folder_id.eq(&note.folder_id)))
            .execute(conn)
            .await;
        own_user_key!(conn, saved, "notes_user_id_fkey", &note.user_id)?;
        Ok(())
    })?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The words to search for.
    #[param(example = "note translator")]
    pub words: String,
}

/// Find your notes that contain any of these words
// A new operation. `or_filter` is an alternative to all filters before it, the owner's included. So the first word is
// searched for in the caller's notes, and every other word in everyone's.
#[utoipa::path(
    get, path = "/api/search", params(Search),
    responses((status = 200, description = "Your notes with any of the words", body = Vec<Note>))
)]
pub async fn search_notes(
    session: Session,
    state: Data<State>,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Json<Vec<Note>>, Error> {
    let user_id = session.user.id.clone();
    let patterns: Vec<String> =
        search.words.split_whitespace().map(|word| format!("%{word}%")).collect();
    let found: Vec<Note> = query!(state.store, |conn| {
        let mut found = notes::table
            .select(Note::as_select())
            .filter(notes::user_id.eq(&user_id))
            .into_boxed::<Backend>();
        for (at, pattern) in patterns.iter().enumerate() {
            found = if at == 0 {
                found.filter(notes::name.like(pattern))
            } else {
                found.or_filter(notes::name.like(pattern))
            };
        }
        found.order(notes::id.desc()).limit(100).load(conn).await
    })?;
    Ok(Json(found))
}

/// Download a folder as text
// A new operation. The notes are found by their folder alone, and nothing asks whose folder it is.
#[utoipa::path(
    get, path = "/api/folders/{id}/export", params(("id" = Uuid, Path, description = "The folder's id")),
    responses((status = 200, description = "The notes' names, one a line", content_type = "text/plain", body = String))
)]
pub async fn export_folder(
    _: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let id = id.to_string();
    let found: Vec<Note> = query!(state.store, |conn| notes::table
        .filter(notes::folder_id.eq(&id))
        .order(notes::id.asc())
        .select(Note::as_select())
        .load(conn)
        .await)?;
    let lines: Vec<&str> = found.iter().map(|note| note.name.as_str()).collect();
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"notes.txt\""))
        .body(lines.join("\n")))
}

/// List your notes
// Replaces `list_notes`. A header that any client can send takes the place of the session's user.
#[utoipa::path(get, path = "/api/notes", params(Paging), responses((status = 200, description = "Your notes", body = Page<Note>)))]
pub async fn list_notes_behind_proxy(
    session: Session,
    request: HttpRequest,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<Note>>, Error> {
    // The proxy sets it when support acts for a user.
    let named = request.headers().get("X-User-Id").and_then(|value| value.to_str().ok());
    let user_id = named.map_or_else(|| session.user.id.clone(), str::to_owned);
    let window = window(paging.cursor, paging.before, paging.limit)?;
    let page = list(&state.store, Some(user_id), window).await?;
    Ok(Json(Page::of(page, |note| note)))
}

/// Rename a note
// Replaces `rename_note`. It asks for the user's role, not for `SiteAdmin`: an admin's token with the scope `write`,
// but without `admin`, renames anyone's note, outside `/api/admin/` and without an event in the activity log.
#[utoipa::path(
    patch, path = "/api/notes/{id}", request_body = Named, params(("id" = Uuid, Path, description = "The note's id")),
    responses((status = 204, description = "It has another name"))
)]
pub async fn moderate_note(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Named>,
) -> Result<HttpResponse, Error> {
    let owner = (session.user.role != Role::Admin).then(|| session.user.id.clone());
    let note = find(&state.store, id.to_string(), owner).await?.ok_or(Code::NotFound)?;
    done(rename(&state.store, note.id, note.user_id, body.name).await?)
}

/// Create a note in a folder
// Replaces `add_to_folder`. The status is right, 404, and nothing is written, but the error's `detail` tells that the
// folder exists, and its name.
#[utoipa::path(
    post, path = "/api/folders/{id}/notes", request_body = Named, params(("id" = Uuid, Path, description = "The folder's id")),
    responses((status = 201, description = "The note", body = Note))
)]
pub async fn add_to_named_folder(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Named>,
) -> Result<impl Responder, Error> {
    let (folder_id, user_id) = (id.to_string(), session.user.id.clone());
    let wanted = folder_id.clone();
    let found: Option<(String, String)> = query!(state.store, |conn| folders::table
        .find(&wanted)
        .select((folders::user_id, folders::name))
        .get_result(conn)
        .await
        .optional())?;
    let (owner, folder) = found.ok_or(Code::NotFound)?;
    if owner != user_id {
        return Err(Code::NotFound.because(format!("You have no access to the folder “{folder}”.")));
    }
    let note = Note { id: new_id(), user_id, folder_id, name: body.name };
    Ok(created(insert(&state.store, note).await?))
}
