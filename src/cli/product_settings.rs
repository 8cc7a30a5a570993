//! The settings of a product's own, beside those of this library: flags, variables, `--help`, and how they are read.

use std::{
    any::{TypeId, type_name},
    collections::BTreeSet,
    fmt,
};

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches,
    builder::BoolishValueParser,
};

use super::{Cli, environment, product_limits};
use crate::{
    limits::{self, CustomLimit},
    name,
    product::OwnValue,
};

/// A type of settings, of which a product has a value.
#[derive(Clone, Copy)]
pub(crate) struct SettingsType {
    pub id: TypeId,
    name: &'static str,
    augment: fn(Command) -> Command,
    read: fn(&ArgMatches) -> Result<OwnValue, clap::Error>,
}

impl SettingsType {
    pub(crate) fn of<S: Args + Send + Sync + 'static>() -> Self {
        Self {
            id: TypeId::of::<S>(),
            name: type_name::<S>(),
            augment: S::augment_args,
            read: |matches| S::from_arg_matches(matches).map(OwnValue::of),
        }
    }

    fn arguments(&self) -> Vec<Arg> {
        (self.augment)(Command::new(self.name)).get_arguments().cloned().collect()
    }

    /// Adds the settings to a command line, in a section of their own.
    pub(crate) fn add_to(&self, command: Command) -> Command {
        let command = (self.augment)(command.next_help_heading(name::get().title.as_str()));
        self.arguments().iter().fold(command, |command, argument| {
            command.mut_arg(argument.get_id(), |argument| {
                let variable = variable(&argument);
                // Global like those of the library. What is required is checked where it is needed, so that `--help` and
                // `openapi` do without it. Values are hidden because one may be a secret.
                let argument =
                    argument.required(false).global(true).env(variable).hide_env_values(true);
                match argument.get_action() {
                    // As for those of the library, 1 and yes are true.
                    ArgAction::SetTrue => argument.value_parser(BoolishValueParser::new()),
                    _ => argument,
                }
            })
        })
    }

    /// Reads the value.
    ///
    /// # Errors
    /// When a setting is missing or invalid, as one line.
    pub(crate) fn read(
        &self,
        ProductMatches(matches): &ProductMatches,
    ) -> Result<OwnValue, String> {
        for argument in self.arguments() {
            match matches.try_contains_id(argument.get_id().as_str()) {
                Ok(false) if argument.is_required_set() => {
                    return Err(format!("{}: this setting is required", variable(&argument)));
                }
                Ok(_) => {}
                Err(_) => {
                    return Err(format!(
                        "the settings were read without {}: read them with `Product::command`",
                        self.name
                    ));
                }
            }
        }
        (self.read)(matches).map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        })
    }
}

/// Returns the environment variable of a setting, which follows from the flag unless it is declared.
fn variable(argument: &Arg) -> String {
    if let Some(variable) = argument.get_env() {
        return variable.to_string_lossy().into_owned();
    }
    let flag = argument.get_long().unwrap_or_default();
    name::setting(&flag.replace('-', "_").to_ascii_uppercase())
}

/// Checks that the settings have flags and variables that no other setting and no command has, for which clap would panic
/// or take the other's value.
///
/// # Errors
/// Which one does not, as one line.
pub(crate) fn check(all: &[SettingsType], limits: &[&CustomLimit]) -> Result<(), String> {
    // The command line takes milliseconds to build.
    if all.is_empty() && limits.is_empty() {
        return Ok(());
    }
    let command = environment::with_prefix(Cli::command());
    let mut taken: BTreeSet<String> =
        ["--help", "--version", "-h", "-V", "help", "version"].map(str::to_owned).into();
    add_names(&command, &mut taken);
    for settings in all {
        let of = settings.name;
        let own = (settings.augment)(Command::new(of));
        let mut groups = own.get_groups().map(|group| format!("group {}", group.get_id()));
        if let Some(group) = groups.find(|group| !taken.insert(group.clone())) {
            return Err(format!("the {group} of {of} exists already: use #[group(skip)]"));
        }
        for argument in own.get_arguments() {
            let Some(flag) = argument.get_long() else {
                return Err(format!("the setting {} of {of} has no flag", argument.get_id()));
            };
            let (variable, prefix) = (variable(argument), &name::get().prefix);
            if !variable.starts_with(prefix) {
                return Err(format!(
                    "{variable}, of the setting --{flag}, must begin with {prefix}"
                ));
            }
            for name in names(argument).into_iter().chain([variable]) {
                if !taken.insert(name.clone()) {
                    return Err(format!(
                        "the setting --{flag} of {of} cannot have the name {name}: it exists already"
                    ));
                }
            }
        }
    }
    for limit in limits {
        limits::check_name(limit.name)?;
        // The variable follows from the flag.
        if let Some(name) =
            names(&product_limits::argument(limit)).into_iter().find(|name| taken.contains(name))
        {
            return Err(format!(
                "the rate limit {:?} cannot have the setting {name}: it exists already",
                limit.name
            ));
        }
    }
    Ok(())
}

/// Adds the names of all arguments of a command and its subcommands.
fn add_names(command: &Command, taken: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
        taken.extend(names(argument).into_iter().chain(variable));
    }
    taken.extend(command.get_groups().map(|group| format!("group {}", group.get_id())));
    command.get_subcommands().for_each(|command| add_names(command, taken));
}

/// Returns the flags of an argument, and its id.
fn names(argument: &Arg) -> Vec<String> {
    let longs =
        argument.get_long().into_iter().chain(argument.get_all_aliases().into_iter().flatten());
    let shorts = argument.get_short().into_iter();
    let shorts = shorts.chain(argument.get_all_short_aliases().into_iter().flatten());
    longs
        .map(|long| format!("--{long}"))
        .chain(shorts.map(|short| format!("-{short}")))
        .chain([argument.get_id().to_string()])
        .collect()
}

/// What the command line and the environment say, from which a product's own settings are read. `Debug` does not show it:
/// it may contain secrets.
#[derive(Clone, Default)]
pub struct ProductMatches(pub(super) ArgMatches);

impl fmt::Debug for ProductMatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProductMatches(…)")
    }
}

impl Args for ProductMatches {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for ProductMatches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(matches.clone()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self(matches.clone());
        Ok(())
    }
}
