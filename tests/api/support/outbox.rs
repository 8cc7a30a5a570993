use std::{fs, path::Path, time::Duration};

use mail_parser::MessageParser;
use portcullis::store::{jobs, page::Window};
use url::Url;

use super::{Server, log_secret_scan::add_secrets};

/// The subject of the notice of a new token.
pub const NEW_TOKEN: &str = "New API token for Portcullis";

/// A mail, parsed.
#[derive(Debug, Clone)]
pub struct Email {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Email {
    pub fn parse(mail: &[u8]) -> Self {
        let message = MessageParser::default().parse(mail).expect("it is a mail");
        let to = message.to().and_then(|to| to.first()?.address()).expect("a mail has a recipient");
        Self {
            to: to.to_owned(),
            subject: message.subject().unwrap().to_owned(),
            text: message.body_text(0).unwrap().into_owned(),
            html: message.body_html(0).unwrap().into_owned(),
        }
    }

    /// Waits until a folder holds this many mails to an email, and returns the newest.
    pub async fn wait_in(folder: &Path, email: &str, many: usize) -> Self {
        for _ in 0..1000 {
            let mut mails = Self::all_in(folder);
            mails.retain(|letter| letter.to == email);
            if mails.len() >= many {
                return mails.pop().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("there are no {many} mails to {email} after 20 seconds");
    }

    fn all_in(folder: &Path) -> Vec<Self> {
        let folder = fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        files.iter().map(|file| Self::parse(&fs::read(file).unwrap())).collect()
    }

    /// Returns the only line that is a link.
    #[track_caller]
    pub fn link(&self) -> Url {
        let mut links = self.text.lines().filter(|line| line.starts_with("http"));
        let link = links.next().unwrap_or_else(|| panic!("no link in: {}", self.text));
        assert_eq!(links.next(), None, "one link");
        link.parse().unwrap()
    }

    /// Returns the secret of the link: from the query, the fragment, or the end of the path.
    #[track_caller]
    pub fn secret(&self) -> String {
        let link = self.link();
        let query = link.query_pairs().find(|(name, _)| name == "token");
        let fragment = link.fragment().and_then(|text| text.strip_prefix("token="));
        let last = link.path_segments().and_then(|mut parts| parts.next_back());
        let secret = query.map(|(_, secret)| secret.into_owned());
        let secret = secret.unwrap_or_else(|| fragment.or(last).unwrap().to_owned());
        add_secrets([secret.clone()]);
        secret
    }
}

impl Server {
    /// Waits until every job has been tried, and returns the mail in the outbox, oldest first: without the notices of
    /// new tokens, because many tests create some on the way.
    pub async fn outbox(&self) -> Vec<Email> {
        let mut mail = self.whole_outbox().await;
        mail.retain(|letter| letter.subject != NEW_TOKEN);
        mail
    }

    /// The same, with the notices of new tokens.
    pub async fn whole_outbox(&self) -> Vec<Email> {
        self.wait_for_jobs().await;
        Email::all_in(&self.folder.join("outbox"))
    }

    /// Returns all mail to an email, oldest first.
    pub async fn mail_to(&self, email: &str) -> Vec<Email> {
        let mut mail = self.outbox().await;
        mail.retain(|letter| letter.to == email);
        mail
    }

    /// Deletes the mail in the outbox.
    pub async fn clear_outbox(&self) {
        self.wait_for_jobs().await;
        for file in fs::read_dir(self.folder.join("outbox")).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }

    /// Returns the newest mail to an email.
    #[track_caller]
    pub fn last_mail_to(&self, email: &str) -> impl Future<Output = Email> {
        let email = email.to_owned();
        async move { self.mail_to(&email).await.pop().expect("there is mail") }
    }

    /// Waits until every job has been tried: done, given up, or delayed.
    pub async fn wait_for_jobs(&self) {
        for _ in 0..1000 {
            let window = Window::first(100);
            let waiting = jobs::list(&self.state.store, Some(false), window).await.unwrap();
            let mut mails = waiting.rows.iter().filter(|job| job.kind == "mail");
            if mails.all(|job| job.last_error.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("some jobs were not tried for 20 seconds");
    }
}
