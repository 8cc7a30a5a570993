//! The rules of the leased cache, and how the promise is broken without each.

/// The rules that hold. Each variant but [`Rules::Kept`] changes one, and
/// `docs/explanation/credential-cache.md` describes the consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// All of them hold.
    Kept,

    /// Acknowledgement: it is sent as soon as the change is committed.
    NoWait,
    /// Acknowledgement: the wait is L, although clocks differ.
    NoMargin,
    /// Acknowledgement: the wait runs from before the commit, so that a slow commit uses it up.
    WaitFromBefore,
    /// Acknowledgement: a repeated request finds the work done, and does not wait.
    RepeatAtOnce,
    /// Acknowledgement: the length of the wait is read before the commit, and leases have become longer since.
    WaitReadBefore,

    /// Fill: the entry carries the epoch at its arrival, not the one that its statement saw.
    FillAtArrival,
    /// Fill: a request uses the result of a lookup that another request began before it.
    JoinedLookUp,

    /// Lease: it runs from the arrival of the epoch, not from when the read began.
    LeaseFromArrival,
    /// Lease: a read sees what the one before it saw, as where a transaction was left open on its connection.
    PinnedSnapshot,
    /// Lease: a request reads the epoch, and later the lease's end.
    ReadApart,
    /// Lease: a response overtaken by a younger one sets the epoch, and leaves the end where it was.
    OlderKeepsEnd,
    /// Lease: the clock is read before the request's head has arrived.
    ClockBeforeHead,
    /// Lease: an instance's clock may stand still while time passes, as a clock does that excludes suspend.
    ClockStandsStill,

    /// Epoch: it changes in a transaction of its own, before the rights do; a sequence does the same.
    EpochAhead,
    /// Epoch: it is the counter alone, which may reach the same number again after a restore.
    CounterAlone,

    /// Log: a row that is missing from it is taken to affect no user.
    GapIsSilence,

    /// Turning on: the lease before the wait.
    LeaseOnFirst,
    /// Turning off: the wait together with the lease.
    WaitOffAtOnce,
    /// Turning off: the wait one L after the lease, although clocks differ.
    WaitOffWithoutMargin,

    /// Alone: an instance does not wait for itself, and keeps its lease.
    AloneKeepsLease,
    /// Alone: it gives its lease up, and gets it again by a read that ran before the revocation.
    AloneKeepsRead,

    /// A request reads the lease's end and, later, under the lease of that time, the entry. Breaks nothing.
    EndFirst,
    /// Two concurrent reads of the epoch, and an older response is discarded. Breaks nothing.
    TwoReads,
    /// Two concurrent reads, and an older response counts, epoch and end together. Breaks nothing.
    OlderCountsWhole,
}

impl Rules {
    /// Returns how many concurrent reads of the epoch one instance may have.
    pub fn reads(self) -> usize {
        match self {
            Self::OlderKeepsEnd | Self::TwoReads | Self::OlderCountsWhole => 2,
            _ => 1,
        }
    }
}
