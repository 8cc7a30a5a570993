use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::PathBuf,
};

use super::Error;
use crate::{
    config::{Config, ConfigError},
    store::private_folder,
};

/// The folder where mails wait for somebody to read them, while no server is set to send them.
///
/// Links that open accounts lie there in clear: only we may enter it.
pub(super) struct Outbox(PathBuf);

impl Outbox {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let folder = config.data_dir.join("outbox");
        private_folder(&folder).map_err(|source| ConfigError::File {
            name: "PORTCULLIS_DATA_DIR",
            path: folder.clone(),
            source,
        })?;
        Ok(Self(folder))
    }

    /// Writes a mail under its id.
    pub(super) async fn keep(&self, id: &str, mail: Vec<u8>) -> Result<(), Error> {
        let file = self.0.join(format!("{id}.eml"));
        let folder = self.0.clone();
        let work = move || -> io::Result<()> {
            // Through a second name, so that nobody ever reads half a mail.
            let draft = file.with_extension("new");
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut written = options.open(&draft)?;
            written.write_all(&mail)?;
            // The job that says it is to be sent is about to be deleted, durably.
            written.sync_all()?;
            fs::rename(draft, &file)?;
            fs::File::open(folder)?.sync_all()
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
