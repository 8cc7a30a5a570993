//! What there is: one database, its instances, and the one request that is followed.
//!
//! All times are distances from now, so that no history is too long for the model: a state is met again
//! however late it is, and the check ends when there are no new ones.

/// How long, or how long ago.
pub type Ticks = i8;

/// A tag of one state of everybody's rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    /// One more with each change.
    pub counter: u8,
    /// Never drawn twice, whatever is restored.
    pub random: u8,
}

/// Some epochs, each by the number that it is compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epochs(u16);

impl Epochs {
    pub fn insert(&mut self, number: u8) {
        self.0 |= 1 << number;
    }

    pub fn contains(self, number: u8) -> bool {
        self.0 & (1 << number) != 0
    }
}

/// A row of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The epoch that it ended.
    pub before: Epoch,
    /// Whether it concerns the one credential that is followed.
    pub concerns: bool,
}

/// What is committed: a statement sees all of it as it is at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Database {
    pub epoch: Epoch,
    /// Whether the credential's owner is locked out.
    pub locked_out: bool,
    /// The changes that were not purged, oldest first.
    pub log: Vec<Change>,
    /// What was drawn last for an epoch.
    pub drawn: u8,
    /// How many changes there were that concern others, how many times somebody was let in, and restores.
    pub others: u8,
    pub mercies: u8,
    pub restores: u8,
    /// Whether the length of leases is zero, and that of the wait, each in its column beside the epoch.
    pub lease_off: bool,
    pub wait_off: bool,
    /// How long the operator still leaves the wait as it is.
    pub settling: Ticks,
}

/// What a read of the epoch saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Saw {
    pub epoch: Epoch,
    /// The epochs since which, by the log, nothing has changed that concerns the credential.
    pub clear: Epochs,
    /// How long the lease is, from t0.
    pub lease: Ticks,
}

/// A read of the epoch on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    /// How long ago t0 is.
    pub age: Ticks,
    /// None until its statement has run.
    pub saw: Option<Saw>,
}

/// Epoch and lease end: one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    pub saw: Saw,
    /// How long it still runs; not above zero when it is over.
    pub left: Ticks,
}

/// A request to lock out, at the instance that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockOut {
    /// Not committed, or not all of it. Only where a rule is broken is there anything to see in between.
    Begun { wait: Ticks },
    /// Committed, and waiting.
    Committed { wait: Ticks },
}

/// What one process has in its memory, and on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// The credential, live as it was when this was the epoch.
    pub entry: Option<Epoch>,
    /// A look-up on its way here, which saw the credential live, and this epoch beside it.
    pub fill: Option<Epoch>,
    pub lease: Option<Lease>,
    /// In the order in which they began.
    pub reads: Vec<Read>,
    pub lock_out: Option<LockOut>,
}

/// A request with the credential to the first instance, which begins after the answer to the lock-out was
/// sent. Earlier ones may be accepted, and need not be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// Whether its head has arrived: the moment at which it begins.
    pub begun: bool,
    /// How long ago the clock was read for it.
    pub clock: Option<Ticks>,
    /// The epoch, where it is read apart from the lease's end.
    pub held: Option<Saw>,
    /// How long the lease still ran, where its end is read apart from the entry.
    pub end: Option<Ticks>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub database: Database,
    pub instances: Vec<Instance>,
    /// Whether the answer to the lock-out has been sent.
    pub answered: bool,
    pub request: Option<Request>,
    /// Whether that request was accepted: what must not be.
    pub accepted: bool,
}
