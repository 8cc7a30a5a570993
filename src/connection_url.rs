//! URLs of other servers, which hold a user name and a password.

/// What to say of a URL that cannot be read as it is meant. Nothing of it is repeated: where a separator is not
/// encoded, any part of the URL may be a part of the password.
pub(crate) const ENCODE_PASSWORD: &str = "what is special in a URL must be percent-encoded in the user name and \
     the password: / is %2F, # is %23, ? is %3F, @ is %40, : is %3A, & is %26, % is %25";
