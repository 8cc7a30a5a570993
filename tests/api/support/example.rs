//! The table of the example resource, where a test goes through all tables of the database: to be removed with the
//! table.

/// The tables.
pub const EXAMPLE_TABLES: [&str; 1] = ["projects"];

/// Inserts a row for each session into each table, when completed with `FROM sessions`.
pub const EXAMPLE_ROWS: [&str; 1] = ["projects (id, user_id, name, created_at, updated_at)
     SELECT id, user_id, 'x', created_at, created_at"];

/// Inserts many rows into each table, in the notation of `store::scans::seed`.
pub const EXAMPLE_SEED: [&str; 1] =
    ["projects (id, user_id, name, created_at, updated_at) SELECT IDS, IDS, 'x', NOW, NOW FROM n"];

/// The columns of its table, written as in `schema.rs`.
pub const EXAMPLE_SCHEMA: &str = "
    projects (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
        description -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
        short_name -> Nullable<Text>,
        status -> Text,
        estimated_hours -> Nullable<Integer>,
        due_date -> Nullable<Date>,
    }";
