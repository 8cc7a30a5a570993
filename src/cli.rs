//! The command line: the server, and the operator's commands.

#[doc(hidden)]
pub mod log;

mod backup;
mod cache;
mod environment;
mod help;
mod operator;
mod own_command;
mod print;
pub(crate) mod product_limits;
pub(crate) mod product_settings;
mod retention;
mod serve;
mod sessions;
mod signals;
mod systemd;
mod tokens;
mod users;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    io::{self, IsTerminal, Read},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{
    CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::BoolishValueParser,
    error::{ContextKind, ContextValue},
};

use print::{Closed, print};

use crate::{
    config::Config,
    docs::{error_codes, route_table},
    gate::cookie,
    name, openapi, output,
    product::Product,
    secrets::{NewPassword, Password, PasswordContext, SigningKey},
    store::{Location, Store},
    time::Clock,
};

#[doc(hidden)]
pub use cache::CacheCommand;
pub(crate) use own_command::OwnCommand;
#[doc(hidden)]
pub use product_settings::ProductMatches;
pub(crate) use product_settings::SettingsType;
#[doc(hidden)]
pub use retention::RetentionCommand;
#[doc(hidden)]
pub use sessions::SessionCommand;
#[doc(hidden)]
pub use tokens::TokenCommand;
#[doc(hidden)]
pub use users::UserCommand;

/// The command line of every product.
#[derive(Parser, Debug)]
#[command(max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    config: Config,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the server (the default command)
    Serve {
        /// Do not run database migrations at startup, because `portcullis migrate` is run separately
        #[arg(long, env = "PORTCULLIS_NO_MIGRATE", value_parser = BoolishValueParser::new())]
        no_migrate: bool,
    },
    /// Run pending database migrations and exit
    Migrate,
    /// Back up the embedded database while the server runs, and verify the copy
    Backup {
        /// The file to create, which must not exist. It does not contain the signing secret
        file: PathBuf,
    },
    /// Print the OpenAPI document
    Openapi,
    /// Print the list of error codes, as Markdown
    Errors,
    /// Print the table of routes and of the credentials that each accepts, as Markdown
    Routes,
    /// Create, deactivate and reactivate users
    #[command(subcommand)]
    User(UserCommand),
    /// List and revoke sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Create and revoke API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Show or change for how long instances may cache credentials
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Show whether expired rows are deleted, and confirm the clock
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Generate a signing secret for PORTCULLIS_SECRET
    Secret,
}

/// A command's error, as one line.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Product {
    /// Runs the product's command line: the server, or one of the operator's commands. Returns the program's exit status.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // Here and not in the program, so that the compiler generates the code of every command once, in this crate.
        let done = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime.block_on(self.run_command()),
            Err(error) => Err(error.into()),
        };
        let status = match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) if failure.is::<Closed>() => ExitCode::from(Closed::STATUS),
            Err(failure) => {
                let text = failure.to_string();
                output::error_line(&format!("{}: {}", name::get().slug, name::in_text(&text)));
                ExitCode::FAILURE
            }
        };
        output::flush();
        status
    }

    async fn run_command(&self) -> Result<(), Failure> {
        if let Some(own) = own_command::called(self) {
            return own_command::run(self, own);
        }
        self.check_settings()?;
        let asked = parse(self)?;
        Box::pin(run(self, asked)).await
    }

    /// Returns the command line, under the names of this product.
    #[must_use]
    pub fn command(&self) -> clap::Command {
        let command = self.add_settings(Cli::command());
        let commands = self.commands.iter().map(|own| own.command.clone());
        let command = tokens::with_scopes(command, self).subcommands(commands);
        // After the settings: the description of their type would take its place.
        let command = command
            .name(name::get().slug.as_str())
            .about(self.about)
            .long_about(self.about)
            .version(self.version);
        help::with_names(environment::with_prefix(command))
    }
}

/// Returns the names of this library's commands.
pub(crate) fn command_names() -> BTreeSet<String> {
    let commands = Command::augment_subcommands(clap::Command::new(""));
    let names = commands.get_subcommands().map(|known| known.get_name().to_owned());
    names.chain(["help".to_owned()]).collect()
}

/// Parses the command line and the environment.
///
/// # Errors
/// One line that names the invalid setting as it is set in the environment.
fn parse(product: &Product) -> Result<Cli, Failure> {
    let command =
        environment::without_empty_variables(help::with_settings_in_one_place(product.command()));
    let parsed = read(&command, env::args_os().collect()).and_then(|cli| match cli.command {
        Some(_) => Ok(cli),
        // The environment may also contain settings of `serve` alone.
        None => read(&command, env::args_os().chain(["serve".into()]).collect()),
    });
    let cli = parsed.map_err(|error| as_failure(&error, product))?;
    environment::refuse_unknown_variables(&product.command())?;
    Ok(cli)
}

/// Returns the settings of a server from the environment alone, for an application that reads its command line itself, and
/// whether to run migrations.
///
/// # Errors
/// As [`parse`].
pub(crate) fn settings_of_environment(product: &Product) -> Result<(Config, bool), Failure> {
    product.check_settings()?;
    let command = environment::without_empty_variables(product.command());
    let cli = read(&command, vec![name::get().slug.clone().into(), "serve".into()])
        .map_err(|error| invalid_setting(&error, product).unwrap_or_else(|| error.into()))?;
    environment::refuse_unknown_variables(&product.command())?;
    let migrate = !matches!(cli.command, Some(Command::Serve { no_migrate: true }));
    Ok((cli.config, migrate))
}

fn read(command: &clap::Command, arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut matches = command.clone().try_get_matches_from(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command.clone()))
}

/// Converts an invalid setting to an error of one line.
fn invalid_setting(error: &clap::Error, product: &Product) -> Option<Failure> {
    let name = setting(error, product)?;
    let text = error.render().to_string();
    let sentence: Vec<&str> =
        text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    Some(format!("{name}: {}", sentence.join(" ").trim_start_matches("error: ")).into())
}

/// Converts an invalid setting to an error of one line. For anything else clap prints its own message, and this
/// function does not return.
fn as_failure(error: &clap::Error, product: &Product) -> Failure {
    match invalid_setting(error, product) {
        Some(failure) => failure,
        // Help, the version, and mistakes in a command: clap's format is the one that users expect.
        None => match error.print() {
            Err(fault) if !error.use_stderr() => print::failure(&fault),
            Ok(()) | Err(_) => std::process::exit(error.exit_code()),
        },
    }
}

fn setting(error: &clap::Error, product: &Product) -> Option<String> {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = wrong.split([' ', '=']).next()?.trim_start_matches('-');
    let command = product.command();
    let of_commands = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let mut arguments = command.get_arguments().chain(of_commands);
    let argument = arguments.find(|argument| argument.get_long() == Some(flag))?;
    Some(argument.get_env()?.to_string_lossy().into_owned())
}

/// Runs the command.
///
/// # Errors
/// One line that says why the command failed.
async fn run(product: &Product, cli: Cli) -> Result<(), Failure> {
    let config = cli.config;
    let command = cli.command.unwrap_or(Command::Serve { no_migrate: false });
    // The server checks this itself.
    if !matches!(command, Command::Serve { .. }) {
        product.check()?;
    }
    match command {
        Command::Serve { no_migrate } => Box::pin(serve::serve(product, config, !no_migrate)).await,
        Command::Migrate => {
            let applied = Store::migrate(&config.data.location()?, &product.tables()).await?;
            match applied.len() {
                0 => print("The database is up to date."),
                _ => print(format_args!("Applied {}.", applied.join(", "))),
            }
        }
        Command::Backup { file } => backup::run(&config, &file),
        Command::Openapi => print(openapi::text(product, cookie::name_for(&config))?.trim_end()),
        Command::Errors => print(error_codes(product).trim_end()),
        Command::Routes => print(route_table(product).trim_end()),
        Command::User(command) => {
            users::run(command, &open(product, &config).await?, &config).await
        }
        Command::Session(command) => sessions::run(command, &open(product, &config).await?).await,
        Command::Token(command) => {
            tokens::run(command, &open(product, &config).await?, &config).await
        }
        Command::Cache(command) => cache::run(command, &open(product, &config).await?).await,
        Command::Retention(command) => {
            retention::run(command, &open(product, &config).await?).await
        }
        Command::Secret => print(SigningKey::generate().reveal()),
    }
}

/// How long a command waits for the database: longer than a request, because no client is waiting.
const DATABASE_TIMEOUT: Duration = Duration::from_mins(10);

/// Opens the store for a command that runs beside the server: one worker, and one connection. A SQLite database
/// is migrated, so that the first admin can be created before the first start of the server; a PostgreSQL
/// database, which others share, is not.
async fn open(product: &Product, config: &Config) -> Result<Store, Failure> {
    let location = config.data.location()?;
    let mut options =
        config.store_options(matches!(location, Location::Sqlite(_)), product.tables());
    options.workers = 1;
    options.pool_size = 1;
    options.cache_size = 0;
    options.timeout = DATABASE_TIMEOUT;
    Ok(Store::open(&location, options).await?)
}

/// Returns the current time.
fn now() -> crate::time::Timestamp {
    Clock::System.now()
}

/// Reads a password from the terminal, typed twice, or from standard input; never from an argument, which the
/// list of processes would show.
fn read_password(of: &PasswordContext) -> Result<NewPassword, Failure> {
    let text = if io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ")?;
        if first != rpassword::prompt_password("Repeat the password: ")? {
            return Err("the two passwords differ".into());
        }
        first
    } else {
        let mut text = String::new();
        io::stdin().take(4096).read_to_string(&mut text)?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    };
    Ok(Password::new(text).choose(of)?)
}
