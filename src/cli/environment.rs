//! Checks the environment variables: which are settings, and which may be empty. All of it is derived from
//! clap's list of settings.

use std::{collections::BTreeSet, env, ffi::OsStr};

use clap::{Arg, Command, builder::Resettable};

use super::Failure;
use crate::name;

/// Settings that are rejected when empty, without the prefix: without the first two a server would start with an empty
/// database, and without the others with a new signing secret.
const NEVER_EMPTY: [&str; 4] = ["DATABASE_URL", "DATABASE_URL_FILE", "SECRET", "SECRET_FILE"];

/// Returns the command line with the settings of this product: `PORTCULLIS_SECRET` is `LEDGER_SECRET` for one that is
/// called Ledger. `DATABASE_URL` and `PORT`, which hosting platforms set, are the same for all.
pub(super) fn with_prefix(command: Command) -> Command {
    command
        .mut_args(|argument| match argument.get_env().and_then(OsStr::to_str) {
            Some(variable) => {
                let variable = name::in_text(variable).into_owned();
                argument.env(variable)
            }
            None => argument,
        })
        .mut_subcommands(with_prefix)
}

/// How many letters of a misspelled prefix may differ for the variable to count as meant for this application: fewer for
/// a short name, from which those of other programs differ little.
const MAX_TYPOS: usize = 2;

/// Returns the command line with empty variables ignored: compose files (`${NAME:-}`) and Helm charts set them.
pub(super) fn without_empty_variables(command: Command) -> Command {
    command
        .mut_args(
            |argument| {
                if is_empty(&argument) { argument.env(Resettable::Reset) } else { argument }
            },
        )
        .mut_subcommands(without_empty_variables)
}

fn is_empty(argument: &Arg) -> bool {
    let required = |variable: &OsStr| {
        let variable = variable.to_str().unwrap_or_default();
        NEVER_EMPTY.contains(&variable.strip_prefix(&name::get().prefix).unwrap_or(variable))
    };
    argument.get_env().is_some_and(|name| {
        !required(name) && env::var_os(name).is_some_and(|value| holds_no_value(&value))
    })
}

/// Returns whether the value is empty, even for a list.
fn holds_no_value(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim_matches([' ', '\t', '\r', '\n', ',']).is_empty())
}

/// Rejects variables that look like settings and are not, because a misspelled one would have no effect.
pub(super) fn refuse_unknown_variables(command: &Command) -> Result<(), Failure> {
    let known = known_variables(command);
    let unknown: Vec<String> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, value)| is_unknown(name, value, &known))
        .map(|(name, _)| match closest(&name, &known) {
            Some(setting) => format!("{name} is not a setting: did you mean {setting}?"),
            None => format!("{name} is not a setting."),
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(unknown.join(" ").into()) }
}

/// Returns the variables of all settings, of every command.
fn known_variables(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(Arg::get_env);
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(known_variables)).collect()
}

fn is_unknown(name: &str, value: &OsStr, known: &BTreeSet<String>) -> bool {
    is_meant_for_us(name) && !known.contains(name) && !is_set_by_kubernetes(name, value)
}

/// Splits a variable after as many words as the product's name has.
fn split(variable: &str) -> Option<(&str, &str)> {
    let words = name::get().prefix.matches('_').count();
    let (end, _) = variable.match_indices('_').nth(words - 1)?;
    Some((&variable[..end], &variable[end + 1..]))
}

/// Returns whether a variable has this application's prefix, in any case, or a misspelling of it.
fn is_meant_for_us(name: &str) -> bool {
    let own = name::get().prefix.trim_end_matches('_');
    let Some((prefix, _)) = split(name) else { return false };
    let typos = MAX_TYPOS.min(own.len() / 5);
    strsim::damerau_levenshtein(&prefix.to_ascii_uppercase(), own) <= typos
}

/// Returns whether Kubernetes sets the variable in each container beside a service called `portcullis` or
/// `portcullis-…` (`enableServiceLinks`): `PORTCULLIS_SERVICE_HOST`, `PORTCULLIS_SERVICE_PORT_HTTP`,
/// `PORTCULLIS_PORT=tcp://…`, `PORTCULLIS_PORT_8080_TCP_ADDR`.
fn is_set_by_kubernetes(name: &str, value: &OsStr) -> bool {
    let protocol = |text: &str| ["TCP", "UDP", "SCTP"].contains(&text);
    let service = name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_");
    let url = value.to_str().and_then(|text| text.split_once("://"));
    let port = name.ends_with("_PORT")
        && url.is_some_and(|(scheme, _)| protocol(&scheme.to_ascii_uppercase()));
    let numbered = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        let mut words = rest.splitn(3, '_');
        words.next().is_some_and(|number| number.parse::<u16>().is_ok())
            && words.next().is_some_and(protocol)
            && words.next().is_none_or(|last| ["PROTO", "PORT", "ADDR"].contains(&last))
    });
    service || port || numbered
}

/// Returns the setting with the most similar name, compared without the common prefix.
fn closest<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    let own = |name: &str| {
        let rest = split(name).filter(|_| is_meant_for_us(name)).map(|(_, rest)| rest);
        rest.unwrap_or(name).to_owned()
    };
    let name = own(&name.to_ascii_uppercase());
    let likeness = |setting: &str| strsim::normalized_damerau_levenshtein(&name, &own(setting));
    known.iter().map(String::as_str).max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::{cli::Cli, product::Product};

    fn known() -> BTreeSet<String> {
        known_variables(&Cli::command())
    }

    fn unknown(name: &str, value: &str) -> bool {
        is_unknown(name, OsStr::new(value), &known())
    }

    #[test]
    fn every_setting_is_known_including_those_of_one_command() {
        let known = known();
        assert!(known.len() > 40, "{known:?}");
        assert!(known.contains("PORTCULLIS_NO_MIGRATE"));
        for name in &known {
            assert!(!unknown(name, "x"), "{name}");
        }
    }

    #[test]
    fn misspelt_setting_is_unknown_and_the_closest_is_named() {
        for (name, setting) in [
            ("PORTCULLIS_SIGNUP", "PORTCULLIS_SIGN_UP"),
            ("PORTCULLIS_PUBLIC_URI", "PORTCULLIS_PUBLIC_URL"),
            ("PORTCULLIS_ORIGINS", "PORTCULLIS_TRUSTED_ORIGINS"),
            ("PORTCULLIS_TRUSTED_PROXY", "PORTCULLIS_TRUSTED_PROXIES"),
            ("PORTCULLIS_SMTP", "PORTCULLIS_SMTP_URL"),
            ("PORTCULLIS_LGO", "PORTCULLIS_LOG"),
            ("PORTCULLIS_SECRETS", "PORTCULLIS_SECRET"),
            ("PORTCULLIS_DATABASE_URL", "DATABASE_URL"),
            ("PORTCULIS_SIGN_UP", "PORTCULLIS_SIGN_UP"),
            ("portcullis_sign_up", "PORTCULLIS_SIGN_UP"),
        ] {
            assert!(unknown(name, "closed"), "{name}");
            assert_eq!(closest(name, &known()), Some(setting), "{name}");
        }
    }

    #[test]
    fn setting_of_a_product_is_known_by_the_variable_that_follows_from_its_flag() {
        #[derive(clap::Args)]
        struct Ledger {
            #[arg(long)]
            home_currency: String,
        }
        let product = Product::new("Portcullis", "1.0.0").settings::<Ledger>();
        let known = known_variables(&product.command());
        let unknown = |name| is_unknown(name, OsStr::new("EUR"), &known);
        assert!(!unknown("PORTCULLIS_HOME_CURRENCY"));
        assert!(unknown("PORTCULLIS_HOME_CURENCY"));
        assert_eq!(closest("PORTCULLIS_CURRENCY", &known), Some("PORTCULLIS_HOME_CURRENCY"));
    }

    #[test]
    fn variables_of_other_programs_are_ignored() {
        for name in ["PATH", "PORTCULLIS", "PORT", "PORTAL_URL", "DATABASE_URI", "HOME_PORTCULLIS"]
        {
            assert!(!unknown(name, "x"), "{name}");
        }
    }

    #[test]
    fn kubernetes_service_variables_are_ignored() {
        for service in ["PORTCULLIS", "PORTCULLIS_API"] {
            for (rest, value) in [
                ("SERVICE_HOST", "10.0.0.1"),
                ("SERVICE_PORT", "8080"),
                ("SERVICE_PORT_HTTP", "8080"),
                ("PORT", "tcp://10.0.0.1:8080"),
                ("PORT", "udp://10.0.0.1:8080"),
                ("PORT_8080_TCP", "tcp://10.0.0.1:8080"),
                ("PORT_8080_TCP_PROTO", "tcp"),
                ("PORT_8080_TCP_PORT", "8080"),
                ("PORT_8080_TCP_ADDR", "10.0.0.1"),
                ("PORT_9090_SCTP_ADDR", "10.0.0.1"),
            ] {
                let name = format!("{service}_{rest}");
                assert!(!unknown(&name, value), "{name}");
            }
            for (rest, value) in [
                ("PORT", "8080"),
                ("PORT", "http://example.com"),
                ("PORT_HTTP", "8080"),
                ("PORT_8080_HTTP", "8080"),
                ("PORT_8080_TCP_X", "8080"),
                ("HOST", "10.0.0.1"),
            ] {
                let name = format!("{service}_{rest}");
                assert!(unknown(&name, value), "{name}");
            }
        }
    }
}
