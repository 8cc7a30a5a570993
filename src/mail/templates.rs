//! The content of all emails.

use url::Url;

use super::{Action, MailContent};

const NOT_YOU: &str = "If this was not you, ignore this email: nothing happens without the link.";

fn content(subject: String, lines: Vec<String>, label: &'static str, url: Url) -> MailContent {
    MailContent {
        subject,
        lines,
        action: Some(Action { label: label.into(), url }),
        closing: vec![NOT_YOU.into()],
    }
}

fn once(lasts: &str) -> String {
    format!("The link works once, for {lasts}.")
}

/// Asks a new user to confirm the email.
pub fn verify_email(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Confirm your email for {site}"),
        vec![
            format!("This email was used to sign up at {site}. Is it yours?"),
            "Open the link and confirm it there.".into(),
            once(lasts),
        ],
        "Confirm email",
        url,
    )
}

/// Tells the owner of an account that its email was used for another sign-up.
pub fn sign_up_attempt(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("You have an account at {site}"),
        vec![
            format!(
                "Someone tried to sign up at {site} with this email, which already has an account."
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
pub fn reset_password(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Choose a new password for {site}"),
        vec![format!("A new password was requested for your account at {site}."), once(lasts)],
        "Choose a new password",
        url,
    )
}

/// Mails a link that signs in.
pub fn magic_link(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Sign in to {site}"),
        vec![
            format!("A link to sign in to {site} was requested for this email."),
            format!("{} Open it in the browser in which you want to sign in.", once(lasts)),
        ],
        "Sign in",
        url,
    )
}

/// Mails a link that restores suspended access.
pub fn restore_access(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Restore access to {site}"),
        vec![
            format!(
                "All access to your account at {site} is suspended. The link restores it and signs you in. It revokes all earlier sessions, API tokens, passkeys and linked accounts."
            ),
            format!("{} Open it in the browser in which you want to sign in.", once(lasts)),
        ],
        "Restore access",
        url,
    )
}

/// Mails a link that signs up.
pub fn sign_up_link(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Your account at {site}"),
        vec![
            format!(
                "A link to sign in to {site} was requested for this email, which has no account yet. The link creates one."
            ),
            format!("{} Open it in the browser in which you want to sign in.", once(lasts)),
        ],
        "Create the account",
        url,
    )
}

/// Invites a user for whom an admin has created an account.
pub fn invitation(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Your account at {site}"),
        vec![
            format!("An account at {site} was created for you. Choose a password to sign in."),
            once(lasts),
        ],
        "Choose a password",
        url,
    )
}

/// Invites a user where passwords are not used.
pub fn invitation_without_password(site: &str, url: &Url) -> MailContent {
    MailContent {
        subject: format!("Your account at {site}"),
        lines: vec![format!(
            "An account at {site} was created for you. Sign in with this email at {url}."
        )],
        action: None,
        closing: vec!["If you expected no account, ignore this email.".into()],
    }
}

/// Asks for confirmation of an account's new email; sent to the new one.
pub fn change_email(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Confirm your new email for {site}"),
        vec![
            format!("A user of {site} asked to use this email for their account. Was that you?"),
            "Then open the link and confirm it there.".into(),
            format!("{} Open it in the browser in which you are signed in.", once(lasts)),
        ],
        "Use this email",
        url,
    )
}

/// Asks a user to confirm the deletion of the account.
pub fn delete_account(site: &str, url: Url, lasts: &str) -> MailContent {
    content(
        format!("Delete your account at {site}?"),
        vec![
            format!("The deletion of your account at {site} was requested while signed in to it."),
            "Everything in it will be deleted permanently. The link opens a page that asks you to confirm.".into(),
            format!("{} Open it in the browser in which you are signed in.", once(lasts)),
        ],
        "Delete account",
        url,
    )
}

/// What a mail tells the owner of an account.
pub struct Notice {
    subject: String,
    line: String,
}

/// Tells a user about a change or a sign-in, from this client if it is known. If it was not theirs, the link suspends
/// access, until another link restores it: by choosing a password, if passwords are used. Without a link, they are told
/// whom to ask.
pub fn notice(
    Notice { subject, line }: Notice,
    client: Option<String>,
    link: Option<(Url, &str)>,
    passwords: bool,
    site_url: &Url,
) -> MailContent {
    let restoring =
        if passwords { "a link to choose a new password" } else { "a link that restores access" };
    let lines = [line].into_iter().chain(client);
    let lines = lines
        .chain(["If you did this, or asked for it, you need not do anything.".into()])
        .collect();
    match link {
        Some((url, lasts)) => MailContent {
            subject,
            lines,
            action: Some(Action { label: "If not, suspend all access".into(), url }),
            closing: vec![format!(
                "The link opens a page with a button that signs out all devices, stops all API tokens, and mails you {restoring}. It works for {lasts}."
            )],
        },
        None => MailContent {
            subject,
            lines,
            action: None,
            closing: vec![if passwords {
                format!(
                    "If not, choose a new password at {site_url} at once, which ends all sessions, or contact the operators."
                )
            } else {
                format!(
                    "If not, end all sessions in your settings at {site_url} at once, and contact the operators."
                )
            }],
        },
    }
}

/// Tells a user about a sign-in from a client unlike the earlier ones.
pub fn new_sign_in(site: &str) -> Notice {
    Notice {
        subject: format!("New sign-in to {site}"),
        line: format!(
            "Your account at {site} was just signed in to from a browser or network that it was not used from before."
        ),
    }
}

/// Tells a user that an API token was created.
pub fn token_created(site: &str) -> Notice {
    Notice {
        subject: format!("New API token for {site}"),
        line: format!("An API token was just created in your account at {site}."),
    }
}

/// Tells a user that the password was changed.
pub fn password_changed(site: &str) -> Notice {
    Notice {
        subject: format!("Your password for {site} was changed"),
        line: format!("The password of your account at {site} was just changed."),
    }
}

/// Tells a user that the email was changed; sent to the old one.
pub fn email_changed(site: &str) -> Notice {
    Notice {
        subject: format!("Your email for {site} was changed"),
        line: format!("The email of your account at {site} was just changed to another one."),
    }
}

/// Tells a user that two-factor authentication was turned on.
pub fn two_factor_enabled(site: &str) -> Notice {
    Notice {
        subject: format!("Two-factor authentication for {site} is on"),
        line: format!(
            "Signing in to your account at {site} now also needs a code of your authenticator app. All other sessions were signed out."
        ),
    }
}

/// Tells a user that two-factor authentication was turned off.
pub fn two_factor_disabled(site: &str) -> Notice {
    Notice {
        subject: format!("Two-factor authentication for {site} is off"),
        line: format!(
            "Signing in to your account at {site} no longer needs a code. All other sessions were signed out."
        ),
    }
}

/// Tells a user that an admin has removed the second factor.
pub fn two_factor_reset(site: &str) -> Notice {
    Notice {
        subject: format!("Two-factor authentication for {site} was reset"),
        line: format!(
            "An admin has turned off two-factor authentication of your account at {site}, and signed you out. You can set it up again in the settings."
        ),
    }
}

/// Tells a user that a passkey was added.
pub fn passkey_added(site: &str) -> Notice {
    Notice {
        subject: format!("A passkey for {site} was added"),
        line: format!(
            "A passkey was just added to your account at {site}. It can sign in without a password."
        ),
    }
}

/// Tells a user that a passkey was removed.
pub fn passkey_removed(site: &str) -> Notice {
    Notice {
        subject: format!("A passkey for {site} was removed"),
        line: format!(
            "A passkey of your account at {site} was just removed. It no longer signs in."
        ),
    }
}

/// Tells a user that an account at an identity provider was linked.
pub fn provider_linked(site: &str) -> Notice {
    Notice {
        subject: format!("A new way to sign in to {site}"),
        line: format!(
            "An account at an identity provider was linked to your account at {site}: it can sign in to it now. Your settings list all sign-in methods."
        ),
    }
}

/// Tells a user that a sign-in method was removed.
pub fn provider_unlinked(site: &str) -> Notice {
    Notice {
        subject: format!("A way to sign in to {site} was removed"),
        line: format!(
            "One of the sign-in methods of your account at {site} was just removed. Your settings list those that are left."
        ),
    }
}
