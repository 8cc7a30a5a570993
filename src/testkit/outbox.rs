//! Emails in the outbox, the folder in which they are kept where no mail server is configured.

use std::{fs, path::Path, time::Duration};

use mail_parser::MessageParser;
use strum::VariantNames as _;
use url::Url;

use super::{Server, log_secret_scan::add_secrets};
use crate::{
    jobs::Job,
    store::{
        jobs::{self, JobRow},
        page::Window,
    },
};

/// How the subject of the notice of a new token begins.
const NEW_TOKEN: &str = "New API token for ";

/// An email, parsed.
#[derive(Debug, Clone)]
pub struct Email {
    /// The address of its recipient.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body as text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

impl Email {
    /// Parses an email.
    ///
    /// # Panics
    /// When it is none.
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
            mails.retain(|mail| mail.to == email);
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
    /// Waits until every job has been tried, and returns the emails in the outbox, oldest first: without the notices of
    /// new tokens, because many tests create some on the way.
    pub async fn outbox(&self) -> Vec<Email> {
        let mut emails = self.whole_outbox().await;
        emails.retain(|email| !email.subject.starts_with(NEW_TOKEN));
        emails
    }

    /// Does the same as [`outbox`](Self::outbox), with the notices of new tokens.
    pub async fn whole_outbox(&self) -> Vec<Email> {
        self.wait_for_jobs().await;
        Email::all_in(&self.folder.join("outbox"))
    }

    /// Returns all emails to an address, oldest first.
    pub async fn mail_to(&self, address: &str) -> Vec<Email> {
        let mut emails = self.outbox().await;
        emails.retain(|email| email.to == address);
        emails
    }

    /// Returns the newest email to an address.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn last_mail_to(&self, address: &str) -> impl Future<Output = Email> {
        let address = address.to_owned();
        async move { self.mail_to(&address).await.pop().expect("there is mail") }
    }

    /// Deletes the emails in the outbox.
    pub async fn clear_outbox(&self) {
        self.wait_for_jobs().await;
        for file in fs::read_dir(self.folder.join("outbox")).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }

    /// Waits until every due job that sends an email, or that the product adds, has been tried: done, given up, or
    /// delayed.
    ///
    /// # Panics
    /// When that takes longer than 20 seconds.
    pub async fn wait_for_jobs(&self) {
        let own = self.product.jobs();
        let is_known = |kind: &str| {
            Job::VARIANTS.contains(&kind) || own.kinds.iter().any(|known| known.name == kind)
        };
        for _ in 0..1000 {
            let window = Window::first(100);
            let waiting = jobs::list(&self.state.store, Some(false), window).await.unwrap();
            // One that is running is due again when its claim ends.
            let is_due = |job: &&JobRow| job.attempts > 0 || job.run_at <= self.now();
            let mut due = waiting.rows.iter().filter(|job| is_known(&job.kind)).filter(is_due);
            if due.all(|job| job.last_error.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("some jobs were not tried for 20 seconds");
    }
}
