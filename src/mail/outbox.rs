use std::path::PathBuf;

use super::Error;
use crate::{
    config::{Config, ConfigError},
    private_files,
};

/// The folder where mails wait for somebody to read them, while no server is set to send them.
///
/// Links that open accounts lie there in clear: only we may enter it.
pub(super) struct Outbox(PathBuf);

impl Outbox {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let folder = config.data_dir.join("outbox");
        private_files::create_folder(&folder)
            .and_then(|()| private_files::check_access(&folder))
            .map_err(|source| ConfigError::File {
            name: "PORTCULLIS_DATA_DIR",
            path: folder.clone(),
            source,
        })?;
        Ok(Self(folder))
    }

    /// Writes a mail under its id.
    pub(super) async fn keep(&self, id: &str, mail: Vec<u8>) -> Result<(), Error> {
        let file = self.0.join(format!("{id}.eml"));
        // On the disk, since the job that says it is to be sent is about to be deleted, durably.
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
