//! The table, and its queries.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use portcullis::{
    read_by_name,
    store::{
        Column, Error, OrEmpty, Store, Stored,
        constraints::Constraint,
        list_query, load_window, own_user_key,
        page::{Page, Window},
        query, transaction,
    },
    time::{Date, Timestamp},
};

use super::schema::projects;

/// What the table's constraints mean.
pub const CONSTRAINTS: &[Constraint] = &[
    Constraint::own_user("projects_user_id_fkey"),
    Constraint::unique(
        "projects_user_id_short_name_key",
        "projects.user_id, projects.short_name",
        "shortName",
        "You have a project of this short name already.",
    ),
    // The handlers check this first. The constraint protects against a handler that does not.
    Constraint::check("projects_estimated_hours_check", "estimatedHours", "must be 1 to 10000"),
];

/// The status of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray, ToSchema)]
#[strum(serialize_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum ProjectStatus {
    /// It has not begun.
    Planned,
    /// Being worked on.
    Active,
    /// It is finished.
    Done,
}

impl Column for ProjectStatus {
    const NAME: &'static str = "projects.status";
}

read_by_name!(ProjectStatus);

/// A row of `projects`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = projects)]
pub struct ProjectRow {
    /// Its id.
    pub id: String,
    /// The owner's id.
    pub user_id: String,
    /// Its name.
    #[diesel(deserialize_as = OrEmpty<String, projects::name>)]
    pub name: String,
    /// A description.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// A short name, which no other project of its owner has.
    pub short_name: Option<String>,
    /// Its progress.
    pub status: Stored<ProjectStatus>,
    /// The estimated effort, in hours.
    pub estimated_hours: Option<i32>,
    /// When it is due.
    pub due_date: Option<Date>,
}

/// The changes to a project; `Some(None)` clears a field.
#[derive(Debug, Clone, AsChangeset)]
#[diesel(table_name = projects)]
#[expect(clippy::option_option, reason = "`None` leaves a column as it is, `Some(None)` clears it")]
pub struct Changes {
    /// A new name.
    pub name: Option<String>,
    /// A new description, or none from now on.
    pub description: Option<Option<String>>,
    /// A new short name, or none from now on.
    pub short_name: Option<Option<String>>,
    /// A new status.
    pub status: Option<Stored<ProjectStatus>>,
    /// A new estimate, or none from now on.
    pub estimated_hours: Option<Option<i32>>,
    /// A new due date, or none from now on.
    pub due_date: Option<Option<Date>>,
    /// The time of the change.
    pub updated_at: Timestamp,
}

/// A page of a user's projects, newest first.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn list(
    store: &Store,
    user_id: String,
    window: Window,
) -> Result<Page<ProjectRow>, Error> {
    let wanted = window.clone();
    let rows = list_query!(store, |conn| {
        let query = projects::table
            .filter(projects::user_id.eq(&user_id))
            .select(ProjectRow::as_select())
            .into_boxed::<Backend>();
        load_window!(conn, query, projects::id, &wanted)
    })?;
    Ok(window.page(rows, |project| &project.id))
}

/// Inserts a project.
///
/// # Errors
/// [`Error::Violated`] when its owner has another project with this short name, or has been deleted.
pub async fn create(store: &Store, project: ProjectRow) -> Result<ProjectRow, Error> {
    transaction!(store, |conn| {
        let created = diesel::insert_into(projects::table)
            .values(&project)
            .returning(ProjectRow::as_returning())
            .get_result(conn)
            .await;
        own_user_key!(conn, created, "projects_user_id_fkey", &project.user_id)
    })
}

/// Returns a user's project. Another user's project is not found.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn find(store: &Store, user_id: String, id: String) -> Result<Option<ProjectRow>, Error> {
    query!(store, |conn| projects::table
        .find(&id)
        .filter(projects::user_id.eq(&user_id))
        .select(ProjectRow::as_select())
        .get_result(conn)
        .await
        .optional())
}

/// Changes a user's project.
///
/// # Errors
/// As for [`create`].
pub async fn update(
    store: &Store,
    user_id: String,
    id: String,
    changes: Changes,
) -> Result<Option<ProjectRow>, Error> {
    transaction!(store, |conn| diesel::update(projects::table.find(&id))
        .filter(projects::user_id.eq(&user_id))
        .set(&changes)
        .returning(ProjectRow::as_returning())
        .get_result(conn)
        .await
        .optional())
}

/// Deletes a user's project. Returns false when there is none with that id.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn delete(store: &Store, user_id: String, id: String) -> Result<bool, Error> {
    let deleted = transaction!(store, |conn| diesel::delete(projects::table.find(&id))
        .filter(projects::user_id.eq(&user_id))
        .execute(conn)
        .await)?;
    Ok(deleted == 1)
}
