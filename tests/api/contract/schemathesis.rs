//! Runs Schemathesis, from PyPI, against the program on each database: `tests/schemathesis/`. It reads the
//! served OpenAPI document, and sends what that allows and what it does not.

use std::{path::Path, process::Command};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::support::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis");
const ENVIRONMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/schemathesis");

/// The number of cases per operation and phase. `SCHEMATHESIS_EXAMPLES` overrides it.
const EXAMPLES: u32 = 5;

/// Installs Schemathesis and its dependencies in the versions of `requirements.txt`, once for all runs.
async fn install() {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let make = || async {
        run(Command::new("python3").args(["-m", "venv", ENVIRONMENT])).await;
        let pip =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(python().args(pip).arg(format!("{FOLDER}/requirements.txt"))).await;
    };
    INSTALLED.get_or_init(make).await;
}

fn python() -> Command {
    Command::new(format!("{ENVIRONMENT}/bin/python"))
}

async fn run(command: &mut Command) -> String {
    let mut command = std::mem::replace(command, Command::new(""));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.expect("Python is installed, with venv");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text.into_owned()
}

#[rstest]
#[case::sqlite_by_cookie(Backend::Sqlite, "cookie")]
#[case::sqlite_by_token(Backend::Sqlite, "token")]
#[case::postgres_by_cookie(Backend::Postgres, "cookie")]
#[case::postgres_by_token(Backend::Postgres, "token")]
#[tokio::test]
async fn schemathesis_finds_no_deviation_from_the_openapi_document(
    #[case] backend: Backend,
    #[case] key: &str,
) {
    install().await;
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let server = ServerProcess::start(home.path(), &settings);
    let base = &server.anonymous.base;
    let examples: u32 = count_from_env("SCHEMATHESIS_EXAMPLES").unwrap_or(EXAMPLES);

    let mut schemathesis = python();
    schemathesis.args(["-m", "schemathesis.cli", "--config-file"]);
    schemathesis.arg(Path::new(FOLDER).join("schemathesis.toml"));
    schemathesis.args([
        "run",
        &format!("{base}/openapi.json"),
        "--max-examples",
        &examples.to_string(),
    ]);
    schemathesis.args(["--header", &format!("Origin: {base}")]);
    schemathesis.envs(settings).env("BASE", base).env("KEY", key);
    schemathesis.env("PROGRAM", env!("CARGO_BIN_EXE_portcullis"));
    schemathesis.env("SCHEMATHESIS_HOOKS", format!("{FOLDER}/hooks.py"));
    schemathesis.env("PYTHONDONTWRITEBYTECODE", "1");
    let said = run(schemathesis.current_dir(home.path())).await;
    println!("{said}");
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        assert!(said.contains(&format!("✅ {phase}")), "{phase} did not run: {said}");
    }
}
