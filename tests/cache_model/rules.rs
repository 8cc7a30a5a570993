//! The rules of the leased cache, and what becomes of the promise without each.

/// Which rules hold. Each variant but [`Rules::Kept`] changes one, and `docs/explanation/credential-cache.md` tells what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// All of them hold.
    Kept,

    /// Answer: it is sent as soon as the change is committed.
    NoWait,
    /// Answer: the wait is L, although clocks differ.
    NoMargin,
    /// Answer: the wait runs from before the commit, so that a slow commit eats it up.
    WaitFromBefore,
    /// Answer: a repeated request finds the work done, and does not wait.
    RepeatAtOnce,
    /// Answer: how long to wait is read before the commit, and leases have become longer since.
    WaitReadBefore,

    /// Fill: the entry carries the epoch at its arrival, not the one that its statement saw.
    FillAtArrival,
    /// Fill: a request takes what a look-up brings that another request began before it.
    JoinedLookUp,

    /// Lease: it runs from the arrival of the epoch, not from when the read began.
    LeaseFromArrival,
    /// Lease: a read sees what the one before it saw, as where a statement was left open on its connection.
    PinnedSnapshot,
    /// Lease: a request reads the epoch, and later the lease's end.
    ReadApart,
    /// Lease: an answer overtaken by a younger one sets the epoch, and leaves the end where it was.
    OlderKeepsEnd,
    /// Lease: the clock is read before the request's head has arrived.
    ClockBeforeHead,
    /// Lease: an instance's clock may stand still while time passes, as one does that does not count suspend.
    ClockStandsStill,

    /// Epoch: it changes in a transaction of its own, before the rights do; a sequence does the same.
    EpochAhead,
    /// Epoch: it is the counter alone, which a restore brings to the same number again.
    CounterAlone,

    /// Log: what it does not hold any more is taken to concern nobody.
    GapIsSilence,

    /// Turning on: the lease before the wait.
    LeaseOnFirst,
    /// Turning off: the wait together with the lease.
    WaitOffAtOnce,
    /// Turning off: the wait one L after the lease, although clocks differ.
    WaitOffWithoutMargin,

    /// Alone: an instance does not wait for itself, and keeps its lease.
    AloneKeepsLease,
    /// Alone: it gives its lease up, and gets it again by a read that ran before the lock-out.
    AloneKeepsRead,

    /// A request reads the lease's end, and later, under whatever lease there is by then, asks the entry.
    /// Breaks nothing.
    EndFirst,
    /// Two reads of the epoch run at a time, and an older answer is discarded. Breaks nothing.
    TwoReads,
    /// Two reads run at a time, and an older answer counts, epoch and end together. Breaks nothing.
    OlderCountsWhole,
}

impl Rules {
    /// How many reads of the epoch one instance may have on their way.
    pub fn reads(self) -> usize {
        match self {
            Self::OlderKeepsEnd | Self::TwoReads | Self::OlderCountsWhole => 2,
            _ => 1,
        }
    }
}
