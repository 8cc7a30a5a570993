//! Whether a sign-in method may be removed: the last one must stay.

/// What the settings say of sign-in methods.
#[derive(Debug, Clone, Copy)]
pub struct Usable {
    /// Whether passwords are accepted.
    pub passwords: bool,
    /// Whether users can always sign in with a mailed link.
    pub mailed_links: bool,
}

/// Within a transaction that has locked the user: whether the account or the passkey with this id is the last
/// with which the user can sign in.
macro_rules! is_last_sign_in_method_tx {
    ($conn:ident, $user_id:expr, $id:expr, $usable:expr) => {{
        use $crate::store::{
            schema::{accounts, passkeys},
            tables::accounts::PASSWORD,
            workflows::sign_in_methods::Usable,
        };
        let (user_id, id): (&str, &str) = ($user_id, $id);
        let Usable { passwords, mailed_links } = $usable;
        !mailed_links && {
            let others = accounts::table
                .filter(accounts::user_id.eq(user_id))
                .filter(accounts::id.ne(id))
                .select(accounts::provider_id);
            let others: Vec<String> = others.load($conn).await?;
            let passkeys: i64 = passkeys::table
                .filter(passkeys::user_id.eq(user_id))
                .filter(passkeys::id.ne(id))
                .count()
                .get_result($conn)
                .await?;
            // A build without a feature has rows of it, if an earlier build had it.
            let is_usable = |provider: &String| match provider.as_str() {
                PASSWORD => passwords,
                _ => cfg!(feature = "providers"),
            };
            let has_passkey = cfg!(feature = "passkeys") && passkeys > 0;
            !has_passkey && !others.iter().any(is_usable)
        }
    }};
}

pub(in crate::store) use is_last_sign_in_method_tx;
