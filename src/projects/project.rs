//! The project: its table, its operations, and what the constraints mean to a client.

use portcullis::{fields, prelude::*, store::constraints::Constraint};

stored_enum! {
    /// The status of a project.
    pub enum ProjectStatus in projects.status {
        /// It has not begun.
        Planned,
        /// Being worked on.
        Active,
        /// It is finished.
        Done,
    }
}

resource! {
    /// A project, which belongs to one user.
    pub struct Project in projects {
        /// The project's name.
        #[validate(custom(function = "fields::name"))]
        #[schema(min_length = 1, max_length = 100, example = "Analytical Engine")]
        name: String,
        /// What it is about.
        #[validate(custom(function = "fields::text"))]
        #[schema(max_length = 2000, example = "Weaves algebra as the loom weaves flowers.")]
        description: Option<String>,
        /// Another name, for a URL for example: no other project of yours has it.
        #[validate(custom(function = "fields::short_name"))]
        #[schema(
            min_length = 1, max_length = 30, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", example = "engine"
        )]
        short_name: Option<String>,
        /// The project's status: `planned` at first, if it is left out.
        status: Stored<ProjectStatus> = ProjectStatus::Planned,
        /// How many hours it will take.
        #[validate(range(min = 1, max = 10000, message = "must be 1 to 10000"))]
        #[schema(minimum = 1, maximum = 10000, example = 400)]
        estimated_hours: Option<i32>,
        /// The day by which it is to be done.
        due_date: Option<Date>,
    }
    /// A project to create. All fields but the name are optional.
    create CreateProject,
    /// The changes to a project. Omitted fields stay as they are; null clears those that can be empty.
    update UpdateProject,
    operations "/api/projects" of "a project", "projects" {
        list list_projects,
        create create_project,
        show show_project,
        update update_project,
        delete delete_project,
    }
}

/// What the table's constraints mean to a client.
pub const CONSTRAINTS: &[Constraint] = &[
    Constraint::own_user("projects_user_id_fkey"),
    Constraint::unique(
        "projects_user_id_short_name_key",
        "projects.user_id, projects.short_name",
        "shortName",
        "You have a project of this short name already.",
    ),
    // The bodies are checked first. The constraint protects against other code.
    Constraint::check("projects_estimated_hours_check", "estimatedHours", "must be 1 to 10000"),
];
