//! The state: one database, its instances, and the one request that is followed.
//!
//! All times are relative to now, so that the number of states is finite: a state is reached again however much
//! time has passed, and the check ends when there are no new ones.

/// A duration, or how long ago something was.
pub type Ticks = i8;

/// The version of all rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    /// Increased with each change.
    pub counter: u8,
    /// Never drawn twice, even after a restore.
    pub random: u8,
}

/// A set of epochs, each by the number by which it is compared.
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

/// A row of the invalidation log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The epoch that it ended.
    pub before: Epoch,
    /// Whether it affects the one credential that is followed.
    pub affects: bool,
}

/// What is committed: a statement sees all of it as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Database {
    pub epoch: Epoch,
    /// Whether the credential is revoked.
    pub revoked: bool,
    /// The changes that were not purged, oldest first.
    pub log: Vec<Change>,
    /// The last random value of an epoch.
    pub drawn: u8,
    /// How many changes affected other users, how many reactivations there were, and how many restores.
    pub others: u8,
    pub reactivations: u8,
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
    /// The epochs since which, by the log, no change has affected the credential.
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
    /// How long it still runs; not above zero when it has ended.
    pub left: Ticks,
}

/// A revocation, at the instance that was asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revocation {
    /// Not committed, or only in part. Only where a rule is broken are there states in between.
    Begun { wait: Ticks },
    /// Committed, and waiting.
    Committed { wait: Ticks },
}

/// What one process has cached, and its reads and lookups on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// The credential, valid as of this epoch.
    pub entry: Option<Epoch>,
    /// A lookup on its way, which saw the credential valid, and this epoch beside it.
    pub fill: Option<Epoch>,
    pub lease: Option<Lease>,
    /// In the order in which they began.
    pub reads: Vec<Read>,
    pub revocation: Option<Revocation>,
}

/// A request with the credential to the first instance, which begins after the revocation was acknowledged.
/// Earlier ones may be accepted, and need not be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// Whether its head has arrived: the moment at which it begins.
    pub begun: bool,
    /// How long ago the clock was read for it.
    pub clock: Option<Ticks>,
    /// The epoch, where it is read separately from the lease's end.
    pub held: Option<Saw>,
    /// How long the lease still ran, where its end is read separately from the entry.
    pub end: Option<Ticks>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub database: Database,
    pub instances: Vec<Instance>,
    /// Whether the revocation was acknowledged.
    pub acknowledged: bool,
    pub request: Option<Request>,
    /// Whether that request was accepted, which breaks the promise.
    pub accepted: bool,
}
