//! The table, and its queries.

use diesel::{AsChangeset, Insertable, Queryable, Selectable};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use portcullis::{
    read_by_name,
    store::{Column, OrEmpty, Stored, constraints::Constraint, owned_rows},
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

owned_rows!(projects: ProjectRow, Changes, owner user_id "projects_user_id_fkey");
