//! A resource whose rows belong to users, declared in one place: its table, queries, bodies and operations.

mod operations;
mod queries;
mod types;

/// Declares a resource whose rows each belong to one user.
///
/// ```
/// # mod tasks {
/// use portcullis::{fields, prelude::*};
///
/// resource! {
///     /// A task, which belongs to one user.
///     pub struct Task in tasks {
///         /// What is to be done.
///         #[validate(custom(function = "fields::name"))]
///         #[schema(min_length = 1, max_length = 100, example = "Weave a flower")]
///         title: String,
///         /// How important it is. 3 if left out.
///         #[validate(range(min = 1, max = 5, message = "must be 1 to 5"))]
///         #[schema(minimum = 1, maximum = 5, example = 4)]
///         priority: i32 = 3,
///         /// The day by which it is to be done.
///         due_date: Option<Date>,
///     }
///     create CreateTask,
///     update UpdateTask,
///     operations "/api/tasks" of "a task", "tasks" {
///         list list_tasks,
///         create create_task,
///         show show_task,
///         update update_task,
///         delete delete_task,
///     }
/// }
/// # }
/// ```
///
/// The table has a column for each field, and `id`, `user_id`, `created_at` and `updated_at`. `user_id` refers to
/// `users (id)`, and that foreign key is named `tasks_user_id_fkey`. Migrations create it.
///
/// # Fields
///
/// | field | column | in a new row | in a change | in a response |
/// | --- | --- | --- | --- | --- |
/// | `title: String` | `NOT NULL` | required | optional | always |
/// | `priority: i32 = 3` | `NOT NULL` | optional: 3 if left out | optional | always |
/// | `due_date: Option<Date>` | nullable | optional | optional; null clears it | always, or null |
/// | `status: Stored<Status>` | `NOT NULL`, text | one of the enum's names | optional | always: also a name that only a newer version knows |
///
/// [`Stored`](crate::store::Stored) can have a default and be optional, too. The attributes of a field apply to the row and
/// to both bodies. The type is `String`, `bool`, `i32`, `i64`, `f64`, [`Date`](crate::time::Date),
/// [`Timestamp`](crate::time::Timestamp), or one of your own, followed by its SQL type: `colour: Colour as Integer`.
///
/// # What it expands to
///
/// - the module `tasks` of `diesel::table!`
/// - the types `Task`, a row, and `CreateTask` and `UpdateTask`, the bodies. Attributes before `create` and `update` apply to
///   them.
/// - `Task::new(owner: &Owner, body: CreateTask, now: Timestamp) -> Task`
/// - the queries, each with the filter by owner:
///
///   ```ignore
///   pub async fn list(store: &Store, owner: &Owner, window: Window) -> Result<Page<Task>, Error>;
///   pub async fn insert(self, store: &Store, jobs: Vec<NewJob>) -> Result<Task, Error>;
///   pub async fn find(store: &Store, owner: &Owner, id: String) -> Result<Option<Task>, Error>;
///   pub async fn update(store: &Store, owner: &Owner, id: String, changes: UpdateTask, now: Timestamp) -> Result<Option<Task>, Error>;
///   pub async fn delete(store: &Store, owner: &Owner, id: String) -> Result<bool, Error>;
///   ```
///
///   Write others beside them with [`query!`](crate::query!), [`list_query!`](crate::list_query!) and
///   [`transaction!`](crate::transaction!), whose bodies need `use diesel::prelude::*` and `use diesel_async::RunQueryDsl`.
/// - the operations that are named, for [`operations!`](crate::operations!). Those that are left out do not exist, or are
///   written by hand. They accept the cookie, and tokens with the scope of their method.
///
/// It names the crates `actix_web`, `diesel`, `diesel_async`, `serde`, `utoipa`, `uuid`, `validator` and `portcullis`, which
/// must be among your dependencies. Diesel's tables have up to 16 columns, so a resource has up to 12 fields, unless Diesel's
/// feature `32-column-tables` is on.
#[macro_export]
macro_rules! resource {
    (
        $(#[$attr:meta])*
        pub struct $row:ident in $table:ident { $($fields:tt)* }
        $(#[$create_attr:meta])*
        create $create:ident,
        $(#[$update_attr:meta])*
        update $update:ident,
        operations $path:literal of $one:literal, $many:literal { $($operation:ident $name:ident),* $(,)? }
    ) => {
        $crate::resource_types! {
            $table [$($fields)*] []
            [$(#[$attr])*] $row [$(#[$create_attr])*] $create [$(#[$update_attr])*] $update
        }
        $($crate::resource_operation!($operation $name $row $create $update $path, $one, $many);)*
    };
}
