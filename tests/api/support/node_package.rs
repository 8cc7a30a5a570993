//! Node.js programs, with their packages from npm.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tokio::sync::OnceCell;

/// A folder with a `package.json` and a lock file.
pub struct Package {
    folder: &'static str,
    installed: OnceCell<()>,
}

impl Package {
    /// Returns the package in this folder of the repository.
    pub const fn of(folder: &'static str) -> Self {
        Self { folder, installed: OnceCell::const_new() }
    }

    /// Runs one of its scripts, which are tests, with these settings as JSON in its environment. Its
    /// dependencies are installed first, once for all.
    pub async fn run(&self, script: &str, settings: &[(&str, &Value)]) {
        self.install().await;
        self.npm(&["run", script], settings).await;
    }

    /// Installs its dependencies, once for all tests, and returns its folder.
    pub async fn install(&self) -> PathBuf {
        let install = || self.npm(&["ci", "--no-audit", "--no-fund"], &[]);
        self.installed.get_or_init(install).await;
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder)
    }

    async fn npm(&self, arguments: &[&str], settings: &[(&str, &Value)]) {
        let mut command = Command::new("npm");
        command.args(arguments);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder));
        command.envs(settings.iter().map(|(name, value)| (name, value.to_string())));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output = output.expect("Node.js is installed, with npm");
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !text.contains("tests 0"), "{text}");
    }
}
