//! URLs of other servers, which contain a user name and a password.

/// The error for a URL that cannot be parsed as intended. It does not repeat the URL: where a separator is not
/// encoded, any part of the URL may be part of the password.
pub(crate) const ENCODE_PASSWORD: &str = "what is special in a URL must be percent-encoded in the user name and \
     the password: / is %2F, # is %23, ? is %3F, @ is %40, : is %3A, & is %26, % is %25";
