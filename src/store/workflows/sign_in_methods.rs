//! How many ways a user has to sign in: the last one must not be removed.

/// Within a transaction that has locked the user: counts the password, the accounts at providers and the passkeys. Magic
/// links are not counted: only the settings say whether they can be relied on.
macro_rules! count_sign_in_methods_tx {
    ($conn:ident, $user_id:expr) => {{
        use $crate::store::schema::{accounts, passkeys};
        let user_id: &str = $user_id;
        let accounts: i64 =
            accounts::table.filter(accounts::user_id.eq(user_id)).count().get_result($conn).await?;
        let passkeys: i64 =
            passkeys::table.filter(passkeys::user_id.eq(user_id)).count().get_result($conn).await?;
        accounts + passkeys
    }};
}

pub(in crate::store) use count_sign_in_methods_tx;
