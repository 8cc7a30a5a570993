//! Stored values that this binary does not know: a newer binary has written them, or an operator by hand.
//!
//! Such a value is no error, since one row would make a whole list fail. It is shown as it is, grants nothing, and is
//! logged once, however often the row is read.

use std::{
    any::type_name,
    collections::BTreeSet,
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
};

static NOTED: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// The most different values to log: each is kept in memory, and is a line in the log.
const MAX_NOTED: usize = 100;

/// Logs that a column holds this value, unless it was logged before.
pub(in crate::store) fn note(column: &str, value: &str) {
    let value: String = value.chars().take(64).collect();
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.len() < MAX_NOTED && noted.insert((column.to_owned(), value.clone())) {
        tracing::error!(column, ?value, "a row holds a value that this version does not know");
    }
}

/// The value of a column `C` that must not be NULL. If it is NULL nevertheless, because an operator has dropped the
/// constraint, the empty value: no text, false, or zero.
///
/// Every row that appears in lists reads its columns this way, except its id and its user, without which it is in no
/// list.
#[derive(Debug, FromSqlRow)]
pub struct OrEmpty<T, C>(T, PhantomData<C>);

impl<T, C, ST, DB> FromSql<ST, DB> for OrEmpty<T, C>
where
    T: FromSql<ST, DB> + Default,
    DB: Backend,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        T::from_sql(value).map(|value| Self(value, PhantomData))
    }

    fn from_nullable_sql(value: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        if let Some(value) = value {
            return Self::from_sql(value);
        }
        note(&name_of::<C>(), "NULL");
        Ok(Self(T::default(), PhantomData))
    }
}

/// The column as `users.name`, from Diesel's type for it.
fn name_of<C>() -> String {
    let mut path = type_name::<C>().rsplit("::");
    let column = path.next().unwrap_or_default();
    let table = path.nth(1).unwrap_or_default();
    format!("{table}.{column}")
}

macro_rules! value_of {
    ($($type:ty),+) => {
        $(impl<C> From<OrEmpty<$type, C>> for $type {
            fn from(OrEmpty(value, _): OrEmpty<$type, C>) -> Self {
                value
            }
        })+
    };
}

value_of!(String, bool, i32, i64, f64);

#[cfg(test)]
mod tests {
    use super::name_of;
    use crate::store::schema::users;

    #[test]
    fn column_is_named_as_in_the_database() {
        assert_eq!(name_of::<users::name>(), "users.name");
    }
}
