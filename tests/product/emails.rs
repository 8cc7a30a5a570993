//! Emails that jobs send.

use std::{fs, path::Path, time::Duration};

use mail_parser::{Message, MessageParser};
use portcullis::time::{Clock, seconds};
use serde_json::json;
use tempfile::TempDir;

use crate::{bells, post, run, sign_up};

/// Returns the text of the emails whose subject contains this.
fn emails(folder: &Path, subject: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder.join("outbox")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "eml"));
    let has_subject = |email: &Vec<u8>| parsed(email).subject().unwrap().contains(subject);
    files.map(|file| fs::read(file).unwrap()).filter(has_subject).collect()
}

fn parsed(email: &[u8]) -> Message<'_> {
    MessageParser::default().parse(email).unwrap()
}

async fn wait_for_email(folder: &Path, subject: &str) -> Vec<u8> {
    for _ in 0..200 {
        if let Some(email) = emails(folder, subject).pop() {
            return email;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there is no email about {subject}");
}

/// Confirms the email of a user, with the link that was sent to it.
async fn confirm_email(url: &str, folder: &Path, cookie: &str) {
    let email = wait_for_email(folder, "Confirm your email").await;
    let text = parsed(&email).body_text(0).unwrap().into_owned();
    let token = text.split("#token=").nth(1).unwrap().split_whitespace().next().unwrap();
    let confirmed = post(url, "/api/auth/verify-email", cookie, &json!({ "token": token })).await;
    assert_eq!(confirmed.status(), 200);
}

#[tokio::test]
async fn job_emails_a_user_with_a_confirmed_email_in_the_layout_of_the_site() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(Clock::System.now());
    let ticking = clock.clone();
    run(folder.path(), clock, async |url, _| {
        // A bell rings on the second attempt, after a minute.
        let ring = async |name: &str, cookie: &str| {
            let hung = post(url, "/api/bells", cookie, &json!({ "name": name })).await;
            assert_eq!(hung.status(), 204);
            bells::wait_until_heard(&format!("ring {name} 1"), 1).await;
            ticking.set(ticking.now() + seconds(60));
            bells::wait_until_heard(&format!("rung {name}"), 1).await;
        };
        let (_, cookie) = sign_up(url, "ada").await;
        ring("Unheard", &cookie).await;
        confirm_email(url, folder.path(), &cookie).await;
        ring("A\r\nBcc: x@y.z", &cookie).await;
        let email = wait_for_email(folder.path(), "rang").await;
        let email = parsed(&email);
        assert_eq!(email.subject().unwrap(), "A Bcc: x@y.z rang");
        assert_eq!(email.to().unwrap().first().unwrap().address(), Some("ada@example.com"));
        assert!(email.bcc().is_none());
        assert!(email.message_id().unwrap().contains(".2@"), "{:?}", email.message_id());
        let (text, html) = (email.body_text(0).unwrap(), email.body_html(0).unwrap());
        let text = text.replace("\r\n", "\n");
        assert!(text.contains("<b>A Bcc: x@y.z</b> rang in Bruges."), "{text}");
        assert!(html.contains("&#60;b&#62;A Bcc: x@y.z&#60;/b&#62; rang in Bruges."), "{html}");
        let link = format!("{}/bells?from=email", url.replace("127.0.0.1", "localhost"));
        assert!(text.contains(&format!("See the bells:\n{link}")), "{text:?}");
        assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
        assert!(emails(folder.path(), "Unheard").is_empty(), "the email was not confirmed");
    })
    .await;
}
