//! The types of a resource.

/// Expands to the table, the row and the bodies. Takes the fields one by one from the first list, by the form of their type,
/// and adds each to the second, with its type in every place.
#[doc(hidden)]
#[macro_export]
macro_rules! resource_types {
    ($table:ident [$(#[$attr:meta])* $field:ident: Option<Stored<$($type:ident)::+>> $(, $($rest:tt)*)?] $($to:tt)+) => {
        $crate::resource_types! {
            @add_nullable $table [diesel::sql_types::Text] [] [$($($rest)*)?]
            {
                [$(#[$attr])*] $field
                row [Option<$crate::store::Stored<$($type)::+>>] [required, value_type = Option<$($type)::+>]
                create [Option<$($type)::+>] |given| given.map($crate::store::Stored::from);
                update [
                    #[serde(default, deserialize_with = "portcullis::fields::given")]
                    #[schema(value_type = Option<$($type)::+>)]
                ] [Option<$($type)::+>] |given| given.map($crate::store::Stored::from);
            }
            $($to)+
        }
    };
    ($table:ident [$(#[$attr:meta])* $field:ident: Option<$($type:ident)::+> $(as $($sql:ident)::+)? $(, $($rest:tt)*)?] $($to:tt)+) => {
        $crate::resource_types! {
            @sql add_nullable $table $field [$($type)::+ $(as $($sql)::+)?] [$($($rest)*)?]
            {
                [$(#[$attr])*] $field
                row [Option<$($type)::+>] [required]
                create [Option<$($type)::+>] |given| given;
                update [
                    #[serde(default, deserialize_with = "portcullis::fields::given")]
                    #[schema(value_type = Option<$($type)::+>)]
                ] [Option<$($type)::+>] |given| given;
            }
            $($to)+
        }
    };
    ($table:ident [$(#[$attr:meta])* $field:ident: Stored<$($type:ident)::+> = $default:expr $(, $($rest:tt)*)?] $($to:tt)+) => {
        $crate::resource_types! {
            @add $table [diesel::sql_types::Text] [] [$($($rest)*)?]
            {
                [$(#[$attr])*] $field
                row [$crate::store::Stored<$($type)::+>] [value_type = $($type)::+]
                create [Option<$($type)::+>] |given| $crate::store::Stored::from(given.unwrap_or_else(|| $default));
                update [
                    #[serde(default, deserialize_with = "portcullis::fields::present")]
                    #[schema(value_type = $($type)::+, required = false)]
                ] [$($type)::+] |given| $crate::store::Stored::from(given);
            }
            $($to)+
        }
    };
    ($table:ident [$(#[$attr:meta])* $field:ident: Stored<$($type:ident)::+> $(, $($rest:tt)*)?] $($to:tt)+) => {
        $crate::resource_types! {
            @add $table [diesel::sql_types::Text] [] [$($($rest)*)?]
            {
                [$(#[$attr])*] $field
                row [$crate::store::Stored<$($type)::+>] [value_type = $($type)::+]
                create [$($type)::+] |given| $crate::store::Stored::from(given);
                update [
                    #[serde(default, deserialize_with = "portcullis::fields::present")]
                    #[schema(value_type = $($type)::+, required = false)]
                ] [$($type)::+] |given| $crate::store::Stored::from(given);
            }
            $($to)+
        }
    };
    ($table:ident [$(#[$attr:meta])* $field:ident: $($type:ident)::+ $(as $($sql:ident)::+)? = $default:expr $(, $($rest:tt)*)?] $($to:tt)+) => {
        $crate::resource_types! {
            @sql add $table $field [$($type)::+ $(as $($sql)::+)?] [$($($rest)*)?]
            {
                [$(#[$attr])*] $field
                row [$($type)::+] []
                create [Option<$($type)::+>] |given| given.unwrap_or_else(|| $default);
                update [
                    #[serde(default, deserialize_with = "portcullis::fields::present")]
                    #[schema(value_type = $($type)::+, required = false)]
                ] [$($type)::+] |given| given;
            }
            $($to)+
        }
    };
    ($table:ident [$(#[$attr:meta])* $field:ident: $($type:ident)::+ $(as $($sql:ident)::+)? $(, $($rest:tt)*)?] $($to:tt)+) => {
        $crate::resource_types! {
            @sql add $table $field [$($type)::+ $(as $($sql)::+)?] [$($($rest)*)?]
            {
                [$(#[$attr])*] $field
                row [$($type)::+] []
                create [$($type)::+] |given| given;
                update [
                    #[serde(default, deserialize_with = "portcullis::fields::present")]
                    #[schema(value_type = $($type)::+, required = false)]
                ] [$($type)::+] |given| given;
            }
            $($to)+
        }
    };
    ($table:ident [$(#[$attr:meta])* $field:ident: $($rest:tt)*] $($to:tt)+) => {
        compile_error!(concat!(
            "the type of the field `", stringify!($field), "` is none of `Name`, `Name = default`, `Option<Name>`, \
             `Stored<Name>` and `Stored<Name> = default`, where a name has no parameters"
        ));
    };
    (@sql $then:ident $table:ident $field:ident [String] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [diesel::sql_types::Text]
            [#[diesel(deserialize_as = $crate::store::OrEmpty<String, $table::$field>)]]
            $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [bool] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [diesel::sql_types::Bool]
            [#[diesel(deserialize_as = $crate::store::OrEmpty<bool, $table::$field>)]]
            $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [i32] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [diesel::sql_types::Integer]
            [#[diesel(deserialize_as = $crate::store::OrEmpty<i32, $table::$field>)]]
            $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [i64] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [diesel::sql_types::BigInt]
            [#[diesel(deserialize_as = $crate::store::OrEmpty<i64, $table::$field>)]]
            $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [f64] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [diesel::sql_types::Double]
            [#[diesel(deserialize_as = $crate::store::OrEmpty<f64, $table::$field>)]]
            $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [Date] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [diesel::sql_types::Date] [] $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [Timestamp] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [$crate::time::Moment] [] $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [$($type:ident)::+ as $($sql:ident)::+] $($to:tt)+) => {
        $crate::resource_types! {
            @$then $table [$($sql)::+] [] $($to)+
        }
    };
    (@sql $then:ident $table:ident $field:ident [$($type:ident)::+] $($to:tt)+) => {
        compile_error!(concat!(
            "the SQL type of `", stringify!($($type)::+), "` is not known: write `Stored<", stringify!($($type)::+),
            ">` for an enum that `stored_enum!` declares, or else the SQL type after it, such as `",
            stringify!($($type)::+), " as Text`"
        ));
    };
    (@add_nullable $table:ident [$($sql:tt)+] [$($read:tt)*] $($to:tt)+) => {
        $crate::resource_types! { @add $table [diesel::sql_types::Nullable<$($sql)+>] [] $($to)+ }
    };
    (@add $table:ident [$($sql:tt)+] [$($read:tt)*] [$($rest:tt)*] {$($field:tt)+} [$($fields:tt)*] $($to:tt)+) => {
        $crate::resource_types! { $table [$($rest)*] [$($fields)* {[$($sql)+] [$($read)*] $($field)+}] $($to)+ }
    };
    (
        $table:ident []
        [$({
            [$($sql:tt)+] [$($read:tt)*]
            [$($attr:tt)*] $field:ident
            row [$($type:tt)+] [$($shown:tt)*]
            create [$($given:tt)+] |$new:ident| $value:expr;
            update [$($update_field_attr:tt)*] [$($changed:tt)+] |$change:ident| $change_value:expr;
        })+]
        [$($row_attr:tt)*] $row:ident
        [$($create_attr:tt)*] $create:ident
        [$($update_attr:tt)*] $update:ident
    ) => {
        diesel::table! {
            $table (id) {
                id -> diesel::sql_types::Text,
                user_id -> diesel::sql_types::Text,
                $($field -> $($sql)+,)+
                created_at -> $crate::time::Moment,
                updated_at -> $crate::time::Moment,
            }
        }

        $($row_attr)*
        #[derive(
            Debug, Clone, diesel::Queryable, diesel::Selectable, diesel::Insertable, serde::Serialize,
            validator::Validate, utoipa::ToSchema,
        )]
        #[diesel(table_name = $table)]
        #[serde(rename_all = "camelCase")]
        pub struct $row {
            /// A UUID.
            #[schema(format = Uuid, example = "019ab2e0-93b6-7c5d-b8f2-3e7a1c6d9084")]
            pub id: String,
            /// The id of the user to whom it belongs.
            #[serde(skip)]
            pub user_id: String,
            $(
                $($attr)*
                $($read)*
                #[schema($($shown)*)]
                pub $field: $($type)+,
            )+
            /// When it was created.
            pub created_at: $crate::time::Timestamp,
            /// When it was last changed.
            pub updated_at: $crate::time::Timestamp,
        }

        $($create_attr)*
        #[derive(Debug, Clone, serde::Deserialize, validator::Validate, utoipa::ToSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $create {
            $($($attr)* pub $field: $($given)+,)+
        }

        $($update_attr)*
        #[derive(Debug, Clone, serde::Deserialize, validator::Validate, utoipa::ToSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $update {
            $($($attr)* $($update_field_attr)* pub $field: Option<$($changed)+>,)+
        }

        impl $row {
            /// Returns a new row of this owner.
            #[must_use]
            pub fn new(
                owner: &$crate::gate::Owner,
                body: $create,
                now: $crate::time::Timestamp,
            ) -> Self {
                Self {
                    id: $crate::store::page::new_id(),
                    user_id: owner.id.clone(),
                    $($field: { let $new = body.$field; $value },)+
                    created_at: now,
                    updated_at: now,
                }
            }
        }

        $crate::resource_queries!($row $table $update [$($field |$change| $change_value;)+]);
    };
}
