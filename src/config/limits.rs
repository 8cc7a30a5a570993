//! Rate limits and the login throttle.

use clap::Args;

use super::Rate;

/// The settings under the heading "Rate limits and login throttle" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rate limits and login throttle")]
#[group(skip)]
pub struct LimitSettings {
    /// The rate limit of all requests, per IP address and per account: 6000/1m allows a burst of 6000, and
    /// then as many per minute. `off` disables it, here and below
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_REQUESTS",
        default_value = "6000/1m",
        value_name = "RATE",
        global = true
    )]
    pub limit_requests: Rate,

    /// The rate limit of sign-ins and password checks, per IP address
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_SIGN_IN",
        default_value = "60/10m",
        value_name = "RATE",
        global = true
    )]
    pub limit_sign_in: Rate,

    /// The rate limit of sign-ups, per IP address
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_SIGN_UP",
        default_value = "60/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_sign_up: Rate,

    /// The rate limit of requested emails, per IP address
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_MAIL",
        default_value = "60/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_mail: Rate,

    /// The rate limit of emails to one mailbox, per requesting IP address. A request over it gets the usual
    /// response, but no email is sent
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_MAILBOX",
        default_value = "10/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_mailbox: Rate,

    /// The rate limit of emails to one mailbox in total, not counting IP addresses from which its account
    /// has signed in before
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_MAILBOX_TOTAL",
        default_value = "50/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_mailbox_total: Rate,

    /// The rate limit of created tokens, per IP address and per account
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_TOKENS",
        default_value = "100/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_tokens: Rate,

    /// The login throttle: how many sign-ins of an account may fail in a row before it accepts no attempt
    /// for a minute, then twice as long each time, up to a day. 0 disables it
    #[arg(
        long,
        env = "PORTCULLIS_MAX_FAILED_LOGINS",
        default_value_t = 10,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(0..=100),
        global = true
    )]
    pub max_failed_logins: u16,
}
