//! The content of all emails.

use url::Url;

use super::{Action, Letter};

const NOT_YOU: &str = "If this was not you, you need do nothing: without the link nothing happens.";

fn letter(subject: String, lines: Vec<String>, label: &'static str, url: Url) -> Letter {
    Letter { subject, lines, action: Some(Action { label, url }), closing: vec![NOT_YOU.into()] }
}

fn once(lasts: &str) -> String {
    format!("The link works once, for {lasts}.")
}

/// Asks a new user to confirm the email.
pub fn verify_email(site: &str, url: Url, lasts: &str) -> Letter {
    letter(
        format!("Confirm your address for {site}"),
        vec![
            format!("This address was given for an account at {site}. Is it yours?"),
            "Follow the link and press the button there.".into(),
            once(lasts),
        ],
        "Confirm the address",
        url,
    )
}

/// Tells the owner of an account that its email was used for another sign-up.
pub fn already_here(site: &str, url: Url, lasts: &str) -> Letter {
    letter(
        format!("You have an account at {site}"),
        vec![
            format!(
                "somebody signed up at {site} with this address, and it has an account already."
            ),
            "If that was you, sign in with your password, or choose a new one with this link."
                .into(),
            once(lasts),
        ],
        "Choose a password",
        url,
    )
}

/// Sends a link to a user who has forgotten the password.
pub fn reset_password(site: &str, url: Url, lasts: &str) -> Letter {
    letter(
        format!("Choose a new password for {site}"),
        vec![format!("Somebody asked for a new password for your account at {site}."), once(lasts)],
        "Choose a new password",
        url,
    )
}

/// Invites a user for whom an admin has created an account.
pub fn invitation(site: &str, url: Url, lasts: &str) -> Letter {
    letter(
        format!("Your account at {site}"),
        vec![
            format!("An account at {site} has been made for you. Choose a password to sign in."),
            once(lasts),
        ],
        "Choose a password",
        url,
    )
}

/// Asks for confirmation of an account's new email; sent to the new one.
pub fn change_email(site: &str, url: Url, lasts: &str) -> Letter {
    letter(
        format!("Confirm your new address for {site}"),
        vec![
            format!("Somebody wants to use this address for their account at {site}. Is it you?"),
            "Then follow the link and press the button there.".into(),
            format!("{} Stay signed in where you asked for it until then.", once(lasts)),
        ],
        "Use this address",
        url,
    )
}

/// Asks a user to confirm the deletion of the account.
pub fn delete_account(site: &str, url: Url, lasts: &str) -> Letter {
    letter(
        format!("Delete your account at {site}?"),
        vec![
            format!("Somebody signed in to your account at {site} asked to delete it."),
            "Everything in it would be gone for good. The link leads to a page with a button for it.".into(),
            format!("{} Open it in the browser in which you are signed in.", once(lasts)),
        ],
        "Delete the account",
        url,
    )
}

/// Tells a user that the password was changed.
pub fn password_changed(site: &str, url: &Url) -> Letter {
    notice(
        format!("Your password for {site} was changed"),
        format!("The password of your account at {site} has just been changed."),
        format!("If it was not you, ask for a new one at {url} at once: that ends every session."),
    )
}

/// Tells a user that the email was changed; sent to the old one.
pub fn email_changed(site: &str, url: &Url) -> Letter {
    notice(
        format!("Your address for {site} was changed"),
        format!("Your account at {site} has just been moved to another address."),
        format!("If it was not you, write to those who run {url} at once."),
    )
}

fn notice(subject: String, line: String, otherwise: String) -> Letter {
    let lines = vec![line, "If that was you, all is well.".into()];
    Letter { subject, lines, action: None, closing: vec![otherwise] }
}
