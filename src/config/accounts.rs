//! Who may sign up, and the rules for sessions, tokens and passwords.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{List, Secret, Switch, TokenPrefixes, cores, parse};
use crate::{error::Code, secrets::HashCost};

/// The settings under the heading "Accounts and credentials" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Accounts and credentials")]
#[group(skip)]
pub struct AccountSettings {
    /// The secret that signs cookies: 64 random bytes in base64, the same for all instances.
    /// `portcullis secret` generates one. With SQLite it is generated in the data folder if not set;
    /// PostgreSQL requires it. Of several, separated by commas, the first signs and all verify, for
    /// rotation
    #[arg(
        long,
        env = "PORTCULLIS_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        global = true
    )]
    pub secret: Option<Secret>,

    /// A file that holds the signing secret, or several, one a line
    #[arg(
        long,
        env = "PORTCULLIS_SECRET_FILE",
        value_name = "FILE",
        conflicts_with = "secret",
        global = true
    )]
    pub secret_file: Option<PathBuf>,

    /// Whether visitors may sign up
    #[arg(
        long,
        env = "PORTCULLIS_SIGN_UP",
        default_value = "open",
        value_name = "WHO",
        global = true
    )]
    pub sign_up: SignUp,

    /// The domains of emails that may sign up, separated by commas; by default, any. An admin can create an account
    /// for any email
    #[arg(
        long,
        env = "PORTCULLIS_SIGN_UP_DOMAINS",
        value_name = "DOMAINS",
        value_parser = parse::domains,
        global = true
    )]
    pub sign_up_domains: Option<List<String>>,

    /// Whether users must confirm their email before they can sign in
    #[arg(
        long,
        env = "PORTCULLIS_EMAIL_VERIFICATION",
        default_value = "optional",
        value_name = "WHEN",
        global = true
    )]
    pub email_verification: EmailVerification,

    /// Who must set up two-factor authentication before anything else
    #[arg(
        long,
        env = "PORTCULLIS_TWO_FACTOR",
        default_value = "optional",
        value_name = "WHO",
        global = true
    )]
    pub two_factor: TwoFactor,

    /// Whether users sign in with passwords. If not, they sign in with an identity provider or a link to their email,
    /// so one of PORTCULLIS_PROVIDERS_FILE and PORTCULLIS_SMTP_URL must be set
    #[arg(
        long,
        env = "PORTCULLIS_PASSWORDS",
        default_value = "on",
        value_name = "STATE",
        global = true
    )]
    pub passwords: Switch,

    /// The file that configures identity providers with which users can sign in: TOML, one table for each. By default,
    /// there are none
    #[cfg(feature = "providers")]
    #[arg(long, env = "PORTCULLIS_PROVIDERS_FILE", value_name = "FILE", global = true)]
    pub providers_file: Option<PathBuf>,

    /// The prefix of API tokens. Of several, separated by commas, new tokens have the first and all are
    /// accepted, for rotation
    #[arg(
        long,
        env = "PORTCULLIS_TOKEN_PREFIX",
        default_value = "sk_live_",
        value_name = "PREFIX",
        value_parser = parse::token_prefixes,
        global = true
    )]
    pub token_prefix: TokenPrefixes,

    /// The maximum lifetime of new tokens, in days; by default, a token need not expire
    #[arg(
        long,
        env = "PORTCULLIS_MAX_TOKEN_DAYS",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(1..=3650),
        global = true
    )]
    pub max_token_days: Option<u32>,

    /// The maximum number of sessions per user; another one ends the oldest
    #[arg(
        long,
        env = "PORTCULLIS_MAX_SESSIONS",
        default_value_t = 100,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        global = true
    )]
    pub max_sessions: u32,

    /// How many passwords are hashed concurrently (19 MiB each); by default, one per core
    #[arg(
        long,
        env = "PORTCULLIS_HASH_CONCURRENCY",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1024),
        global = true
    )]
    pub hash_concurrency: Option<u16>,

    /// The cost of a password hash. Not a setting: no operator should go below the minimum that OWASP
    /// recommends.
    #[arg(skip)]
    pub hash_cost: HashCost,
}

/// Who may create an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignUp {
    /// Everyone.
    Open,
    /// Only admins make accounts for people.
    Closed,
}

/// When a user must confirm the email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmailVerification {
    /// Any time, or never.
    Optional,
    /// Before the first session.
    Required,
}

/// Who must have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TwoFactor {
    /// No user must.
    Optional,
    /// Admins must.
    Admins,
    /// All users must.
    All,
}

impl TwoFactor {
    /// Returns whether it requires a second factor of a user, who may be an admin.
    #[must_use]
    pub fn requires(self, is_admin: bool) -> bool {
        match self {
            Self::Optional => false,
            Self::Admins => is_admin,
            Self::All => true,
        }
    }
}

impl AccountSettings {
    /// Returns whether visitors may sign up.
    #[must_use]
    pub fn sign_up_is_open(&self) -> bool {
        self.sign_up == SignUp::Open
    }

    /// Returns whether passwords are accepted.
    #[must_use]
    pub fn accepts_passwords(&self) -> bool {
        self.passwords == Switch::On
    }

    /// Checks that passwords are accepted.
    ///
    /// # Errors
    /// That they are not.
    pub fn check_passwords(&self) -> Result<(), Code> {
        if self.accepts_passwords() { Ok(()) } else { Err(Code::PasswordsDisabled) }
    }

    /// Checks that a visitor with this email may sign up.
    ///
    /// # Errors
    /// Why not.
    pub fn check_sign_up(&self, email: &str) -> Result<(), Code> {
        if !self.sign_up_is_open() {
            return Err(Code::SignUpClosed);
        }
        let domain = email.rsplit('@').next().unwrap_or_default();
        let is_listed = |domains: &List<String>| {
            domains.iter().any(|listed| listed.eq_ignore_ascii_case(domain))
        };
        if self.sign_up_domains.as_ref().is_none_or(is_listed) {
            Ok(())
        } else {
            Err(Code::EmailDomainNotAllowed)
        }
    }

    /// Returns how many passwords are hashed at the same time.
    #[must_use]
    pub fn hash_concurrency(&self) -> usize {
        self.hash_concurrency.map_or_else(cores, usize::from)
    }
}
