use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{Failure, now, operator::event, print, read_password};
use crate::{
    config::Config,
    fields,
    jobs::{Job, Mail, MailKind},
    output,
    secrets::{Hashing, PasswordContext},
    store::{
        AdminCheckFailed, Store,
        accounts::NewAccount,
        activity::Action,
        login_attempts,
        page::{Start, Window},
        passwords,
        registration::{self, CreateUserOptions},
        two_factor_enrolment, user_administration,
        users::{self, Changes, Filter, Role, User},
    },
};

/// What an operator does with users.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Create a user; the password is read from the terminal or from standard input, unless
    /// PORTCULLIS_PASSWORDS is off
    Create {
        /// The user's email
        #[arg(long, value_parser = parse_email)]
        email: String,
        /// The user's name
        #[arg(long, value_parser = parse_name)]
        name: String,
        /// Give the user the admin role
        #[arg(long)]
        admin: bool,
    },
    /// List users, newest first
    List {
        /// Only users whose name or email matches this
        #[arg(long)]
        search: Option<String>,
    },
    /// Deactivate a user: their sessions and tokens stop working with the next request
    Deactivate {
        /// The user's email
        email: String,
        /// Also revoke their sessions and tokens permanently
        #[arg(long)]
        revoke_credentials: bool,
    },
    /// Reactivate a user
    Reactivate {
        /// The user's email
        email: String,
    },
    /// End the login throttle of a user, on all networks
    Unlock {
        /// The user's email
        email: String,
    },
    /// Remove a user's second factor: ends their sessions and sends them an email
    ResetTwoFactor {
        /// The user's email
        email: String,
    },
    /// Set a user's password, read from the terminal or standard input; this revokes their sessions and ends
    /// their login throttle
    Password {
        /// The user's email
        email: String,
    },
    /// Change a user's role
    Role {
        /// The user's email
        email: String,
        /// The new role
        role: RoleArgument,
    },
}

/// A role at the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArgument {
    /// No rights beyond the user's own data
    User,
    /// May administer the site
    Admin,
}

/// Runs the command.
pub(super) async fn run(
    command: UserCommand,
    store: &Store,
    config: &Config,
) -> Result<(), Failure> {
    match command {
        UserCommand::Create { email, name, admin } => {
            let role = if admin { Role::Admin } else { Role::User };
            create(store, config, email, name, role).await
        }
        UserCommand::List { search } => list(store, search).await,
        UserCommand::Deactivate { email, revoke_credentials } => {
            let user = find(store, &email).await?;
            let detail = json!({ "revokeCredentials": revoke_credentials });
            let event = event(Action::UserDeactivated, &user.id, detail);
            let outcome =
                user_administration::deactivate(store, user.id, revoke_credentials, now(), event)
                    .await?;
            report(outcome, "is deactivated")
        }
        UserCommand::Reactivate { email } => {
            let user = find(store, &email).await?;
            let event = event(Action::UserReactivated, &user.id, json!({}));
            report(
                user_administration::reactivate(store, user.id, now(), event).await?,
                "is active again",
            )
        }
        UserCommand::Unlock { email } => {
            let user = find(store, &email).await?;
            let event = event(Action::LoginUnlocked, &user.id, json!({}));
            let was_throttled = login_attempts::unlock(store, user.email.clone(), event).await?;
            let outcome = if was_throttled {
                "can try to sign in again at once"
            } else {
                "had no failed sign-ins"
            };
            print(format_args!("{} {outcome}.", user.email))
        }
        UserCommand::ResetTwoFactor { email } => {
            let user = find(store, &email).await?;
            let now = now();
            let event = event(Action::TwoFactorReset, &user.id, json!({}));
            let notice = move |user: &User| {
                Job::from(Mail::new(MailKind::TwoFactorReset, &user.email)).row(Some(&user.id), now)
            };
            report(
                two_factor_enrolment::reset(store, user.id, event, notice, now).await?,
                "has no second factor any more. All their sessions were revoked",
            )
        }
        UserCommand::Password { .. } if !config.accounts.accepts_passwords() => {
            Err("PORTCULLIS_PASSWORDS is off: users have no password".into())
        }
        UserCommand::Password { email } => {
            let user = find(store, &email).await?;
            let context = PasswordContext::new(&config.site.name, &user.email, &user.name);
            let hash = Hashing::new(1, config.accounts.hash_cost.clone())
                .hash(read_password(&context)?)
                .await?;
            let account = NewAccount::password(&user.id, &hash, now());
            let event = event(Action::PasswordSet, &user.id, json!({}));
            passwords::set(store, account, event).await?;
            print(format_args!(
                "{} has a new password. All their sessions were revoked.",
                user.email
            ))
        }
        UserCommand::Role { email, role } => {
            let user = find(store, &email).await?;
            let role = match role {
                RoleArgument::User => Role::User,
                RoleArgument::Admin => Role::Admin,
            };
            let name: &'static str = role.into();
            let event = event(Action::UserUpdated, &user.id, json!({}));
            let changes = Changes { name: None, role: Some(role), updated_at: now() };
            let outcome = user_administration::update(store, user.id, changes, event).await?;
            report(outcome, &format!("has the role {name}"))
        }
    }
}

async fn create(
    store: &Store,
    config: &Config,
    email: String,
    name: String,
    role: Role,
) -> Result<(), Failure> {
    let hash = if config.accounts.accepts_passwords() {
        let password = read_password(&PasswordContext::new(&config.site.name, &email, &name))?;
        Some(
            Hashing::new(config.accounts.hash_concurrency(), config.accounts.hash_cost.clone())
                .hash(password)
                .await?,
        )
    } else {
        None
    };
    let now = now();
    // The operator vouches for the email: there may be no mail server yet.
    let user = User { email_verified: true, ..User::new(name, email, role, now) };
    let role: &'static str = role.into();
    let with = CreateUserOptions {
        account: hash.map(|hash| NewAccount::password(&user.id, &hash, now)),
        mail: None,
        event: event(Action::UserCreated, &user.id, json!({ "role": role })),
    };
    let made = registration::create_user(store, user, with).await.map_err(|error| match error {
        error if error.is_taken("email") => Failure::from("this email is already in use"),
        other => other.into(),
    })?;
    let user = done(made)?;
    print(format_args!("Created {} ({role}), id {}.", user.email, user.id))
}

async fn list(store: &Store, search: Option<String>) -> Result<(), Failure> {
    let mut window = Window::first(100);
    let mut any = false;
    loop {
        let filter = Filter { search: search.clone(), ..Filter::default() };
        let page = users::list(store, filter, window.clone()).await?;
        if window.is_first() && page.truncated {
            output::error_line("1,000+ results, narrow your search. Not all of them are shown.");
        }
        if window.is_first() && page.indexing {
            output::error_line(
                "Some users are not in the search index yet, and cannot be found yet.",
            );
        }
        for user in page.page.rows {
            any = true;
            let role = &user.role;
            let state = match (user.deactivated_at, user.suspended_at) {
                (Some(at), _) => format!("deactivated {at}"),
                (None, Some(at)) => format!("suspended {at}"),
                (None, None) => "active".to_owned(),
            };
            print(format_args!("{}  {role:<5}  {}  {}  {state}", user.id, user.email, user.name))?;
        }
        match page.page.next {
            Some(next) => window.start = Start::After(next),
            None if any => return Ok(()),
            None => {
                return print("No users.");
            }
        }
    }
}

/// Returns the user with this email.
pub(super) async fn find(store: &Store, email: &str) -> Result<User, Failure> {
    let found = users::find_by_email(store, fields::normal_email(email)).await?;
    found.ok_or_else(|| format!("no user has the email {email}").into())
}

fn report(outcome: Result<User, AdminCheckFailed>, what: &str) -> Result<(), Failure> {
    print(format_args!("{} {what}.", done(outcome)?.email))
}

fn done(outcome: Result<User, AdminCheckFailed>) -> Result<User, Failure> {
    outcome.map_err(|refusal| match refusal {
        AdminCheckFailed::NotFound => "this user was deleted just now".into(),
        other => other.into(),
    })
}

fn parse_email(text: &str) -> Result<String, String> {
    fields::email(text).map_err(|_| "is not a valid email".to_owned())?;
    Ok(fields::normal_email(text))
}

pub(super) fn parse_name(text: &str) -> Result<String, String> {
    fields::name(text).map_err(|_| "must be 1 to 100 characters on one line".to_owned())?;
    Ok(text.to_owned())
}
