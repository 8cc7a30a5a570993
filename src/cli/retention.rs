use clap::Subcommand;
use serde_json::json;

use super::{Failure, operator::event, print::print};
use crate::{
    store::{
        Store,
        activity::{ALL_USERS, Action},
        retention::clock::{self, ClockStatus, Status},
    },
    time::Clock,
};

/// What an operator decides about deleting old rows.
#[derive(Subcommand, Debug)]
pub enum RetentionCommand {
    /// Show whether expired rows are deleted, and by which clock
    Status,
    /// Confirm that the clock is right, so that expired rows are deleted by it from now on
    ///
    /// After the clock has jumped ahead, or to set back a mark that was taken from a wrong clock. Check the date first:
    /// what is deleted does not come back.
    Confirm,
}

/// Runs the command.
pub(super) async fn run(command: RetentionCommand, store: &Store) -> Result<(), Failure> {
    let status = match command {
        RetentionCommand::Status => clock::status(store, &Clock::System).await?,
        RetentionCommand::Confirm => {
            let before = clock::status(store, &Clock::System).await?;
            let detail = json!({ "mark": before.mark, "clock": before.now });
            let event = event(Action::ClockConfirmed, ALL_USERS, detail);
            clock::confirm(store, &Clock::System, event).await?
        }
    };
    print(crate::name::in_text(&describe(&status)))
}

/// Describes the status in sentences.
pub(super) fn describe(status: &Status) -> String {
    let Status { mark, now, standing } = status;
    match standing {
        ClockStatus::Ahead(jump) => format!(
            "Old rows are not deleted: the clock says {now}, and {mark} was expected. They are again after \
             {} hours if it does not jump again, or when `portcullis retention confirm` says that it is right.",
            jump.left.as_secs().div_ceil(3600)
        ),
        ClockStatus::Trusted(_) if status.mark_is_ahead() => format!(
            "Old rows are deleted by the clock, which says {now}. The mark of a clock that was ahead is {mark}: \
             `portcullis retention confirm` sets it back."
        ),
        ClockStatus::Trusted(by) => format!("Old rows are deleted, by {by}."),
    }
}
