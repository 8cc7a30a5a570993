use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde_json::json;

use super::{Failure, now, operator::event, print, users::find};
use crate::{
    config::Config,
    product::Product,
    scope::{GrantableScope, Scope},
    secrets::PlainToken,
    store::{
        AdminCheckFailed, Store,
        activity::{ALL_USERS, Action},
        api_tokens::{
            self, ApiToken, CreateTokenOutcome, Filter, Maker, NewToken, State, StoredScopes,
        },
        operator_revocation,
        page::{Start, Window},
    },
    time::in_days,
};

/// What an operator does with tokens.
#[derive(Subcommand, Debug)]
pub enum TokenCommand {
    /// Create a token and print it: it cannot be shown again
    Create {
        /// The email of its owner
        #[arg(long)]
        email: String,
        /// The token's name
        #[arg(long, value_parser = super::users::parse_name)]
        name: String,
        /// The token's scopes; read and write by default
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<String>,
        /// The number of days after which the token expires
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
        expires_in_days: Option<u32>,
    },
    /// List tokens, newest first
    List {
        /// Only those of the user with this email
        #[arg(long)]
        email: Option<String>,
    },
    /// Revoke tokens, which stop working with the next request
    Revoke(Which),
}

/// Adds the scopes of a product to the help, as the only ones that are accepted.
pub(super) fn with_scopes(command: clap::Command, product: &Product) -> clap::Command {
    let names = PossibleValuesParser::new(product.scopes().map(GrantableScope::name));
    // `mut_subcommand` and `mut_arg` would move what they change to the end.
    command.mut_subcommands(|token| match token.get_name() {
        "token" => token.mut_subcommands(|create| {
            create.mut_args(|argument| match argument.get_id().as_str() {
                "scopes" => argument.value_parser(names.clone()),
                _ => argument,
            })
        }),
        _ => token,
    })
}

/// One token, those of one user, or those of all users.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The id of a token, as `token list` prints it
    id: Option<String>,
    /// Those of the user with this email
    #[arg(long)]
    email: Option<String>,
    /// Those of all users
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub(super) async fn run(
    command: TokenCommand,
    store: &Store,
    config: &Config,
) -> Result<(), Failure> {
    match command {
        TokenCommand::Create { email, name, scopes, expires_in_days } => {
            create(store, config, &email, name, scopes, expires_in_days).await
        }
        TokenCommand::List { email } => list(store, email).await,
        TokenCommand::Revoke(Which { id: Some(id), .. }) => revoke(store, id).await,
        TokenCommand::Revoke(Which { email: Some(email), .. }) => {
            let user = find(store, &email).await?;
            revoke_all(store, Some(user.id), &user.email).await
        }
        TokenCommand::Revoke(_) => revoke_all(store, None, "all users").await,
    }
}

async fn revoke(store: &Store, id: String) -> Result<(), Failure> {
    let by_operator = |token: &ApiToken| {
        event(Action::TokenRevoked, &token.user_id, json!({ "tokenId": token.id }))
    };
    let token = match api_tokens::revoke_as_admin(store, None, id, by_operator, now()).await? {
        Err(AdminCheckFailed::NotFound) => return Err("no token has this id".into()),
        revoked => revoked?,
    };
    print(format_args!("{} ({}…) is revoked.", token.name, token.display_prefix))
}

async fn revoke_all(store: &Store, user_id: Option<String>, who: &str) -> Result<(), Failure> {
    let subject = user_id.as_deref().unwrap_or(ALL_USERS);
    let event = event(Action::TokensRevoked, subject, json!({}));
    operator_revocation::revoke_tokens(store, user_id, now(), event).await?;
    print(format_args!("Revoked all tokens of {who}."))
}

async fn create(
    store: &Store,
    config: &Config,
    email: &str,
    name: String,
    scopes: Vec<String>,
    expires_in_days: Option<u32>,
) -> Result<(), Failure> {
    if let (Some(asked), Some(longest)) = (expires_in_days, config.accounts.max_token_days)
        && asked > longest
    {
        let longest = in_days(longest);
        return Err(format!("a token may be valid for at most {longest} on this server").into());
    }
    let owner = find(store, email).await?;
    let scopes: StoredScopes = match scopes.as_slice() {
        [] => [Scope::Read, Scope::Write].map(GrantableScope::from).into_iter().collect(),
        asked => asked
            .iter()
            .map(|name| name.parse::<GrantableScope>())
            .collect::<Result<_, String>>()?,
    };
    let now = now();
    let token = PlainToken::generate(config.accounts.token_prefix.of_new());
    let life = expires_in_days.or(config.accounts.max_token_days);
    let row = NewToken::new(&owner.id, &token, name, &scopes, life, now);
    let detail = json!({ "tokenId": row.id(), "scopes": scopes.names() });
    let event = event(Action::TokenCreated, &owner.id, detail);
    match api_tokens::create(store, row, scopes, Maker::Operator(event)).await? {
        CreateTokenOutcome::Token(_) => {}
        CreateTokenOutcome::Deactivated => return Err("its owner is deactivated".into()),
        CreateTokenOutcome::NotAnAdmin => {
            return Err("its owner is not an admin, and the scope `admin` is for admins".into());
        }
    }
    print(token.reveal())
}

async fn list(store: &Store, email: Option<String>) -> Result<(), Failure> {
    let user_id = match email {
        Some(email) => Some(find(store, &email).await?.id),
        None => None,
    };
    let now = now();
    let mut window = Window::first(100);
    let mut any = false;
    loop {
        let filter = Filter { user_id: user_id.clone(), state: None };
        let page = api_tokens::list(store, filter, window.clone(), now).await?;
        for token in page.rows {
            any = true;
            let state = match token.state(now) {
                State::Active => "active",
                State::Expired => "expired",
                State::Revoked => "revoked",
            };
            print(format_args!(
                "{}  {}…  {state:<7}  {:<16}  {}  of {}",
                token.id,
                token.display_prefix,
                token.scopes.names().join(" "),
                token.name,
                token.user_id
            ))?;
        }
        match page.next {
            Some(next) => window.start = Start::After(next),
            None if any => return Ok(()),
            None => {
                return print("No tokens.");
            }
        }
    }
}
