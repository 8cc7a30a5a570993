use std::path::PathBuf;

use super::Error;
use crate::{
    config::{Config, ConfigError},
    private_files,
};

/// The folder to which emails are written if no mail server is configured.
///
/// They contain links that give access to accounts, unencrypted: only the server's own user may enter the
/// folder.
pub(super) struct Outbox(PathBuf);

impl Outbox {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let folder = config.data.data_dir.join("outbox");
        private_files::create_folder(&folder)
            .and_then(|()| private_files::check_access(&folder))
            .map_err(|source| ConfigError::File {
            name: "PORTCULLIS_DATA_DIR",
            path: folder.clone(),
            source,
        })?;
        Ok(Self(folder))
    }

    /// Writes an email under its id.
    pub(super) async fn keep(&self, id: &str, mail: Vec<u8>) -> Result<(), Error> {
        let file = self.0.join(format!("{id}.eml"));
        // Synced to disk, because the job that requested the email is about to be deleted, durably.
        let work = move || {
            private_files::write(&file, &mail).map_err(|error| private_files::explain(&file, error))
        };
        let transient = |error: &dyn std::fmt::Display| Error::Transient(error.to_string());
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| transient(&error))?
            .map_err(|error| transient(&error))
    }

    pub(super) fn describe(&self) -> String {
        format!("files in {} (PORTCULLIS_SMTP_URL sends them)", self.0.display())
    }
}
