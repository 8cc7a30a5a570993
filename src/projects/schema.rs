//! The table, as Diesel needs it to check the queries.

diesel::table! {
    use diesel::sql_types::{Date, Integer, Nullable, Text};
    use portcullis::time::Moment;

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
    }
}
