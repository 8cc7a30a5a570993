//! What the instances and the database do: the rules, and how each is broken.

use crate::{
    rules::Rules,
    state::{
        Change, Database, Epoch, Epochs, Instance, Lease, Read, Request, Revocation, Saw, State,
        Ticks,
    },
};

/// L by the clock of the instance that waits. A tick is coarse: only the order of lengths matters.
const LEASE: Ticks = 2;
/// 1.1 L: as long as L lasts by the slowest clock that is allowed, and the length of the wait.
const LONGEST: Ticks = LEASE + 1;

/// The environment in which the rules are checked.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub instances: usize,
    /// Whether instances' clocks are slower, by the margin, than the one that waits.
    pub slow: bool,
    /// How many changes may affect other users, and whether the log is purged.
    pub others: u8,
    /// How many times a deactivated user may be reactivated.
    pub reactivations: u8,
    /// How many times the database may be restored to its initial state.
    pub restores: u8,
    /// Whether the operator turns the cache on and off.
    pub switched: bool,
    /// Whether there is certainly one instance, as on SQLite, so that its own revocations need no wait.
    pub alone: bool,
}

/// The leased cache.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    pub rules: Rules,
    pub world: World,
}

impl Cache {
    /// Returns how long a lease lasts.
    fn lease(&self) -> Ticks {
        if self.world.slow { LONGEST } else { LEASE }
    }

    /// Returns how long a revocation that reads it now has to wait.
    fn wait(&self, database: &Database) -> Ticks {
        match self.rules {
            Rules::NoWait => 0,
            _ if database.wait_off || self.world.alone => 0,
            Rules::NoMargin => LEASE,
            _ => LONGEST,
        }
    }

    /// Returns the number by which an epoch is compared.
    fn number(&self, epoch: Epoch) -> u8 {
        if self.rules == Rules::CounterAlone { epoch.counter } else { epoch.random }
    }

    /// Returns what a statement sees that reads the epoch and the log.
    pub fn look(&self, database: &Database) -> Saw {
        let mut clear = Epochs::default();
        clear.insert(self.number(database.epoch));
        let unaffected = database.log.iter().rev().take_while(|change| !change.affects);
        for change in unaffected.clone() {
            clear.insert(self.number(change.before));
        }
        if self.rules == Rules::GapIsSilence && unaffected.count() == database.log.len() {
            (0..=database.drawn).for_each(|number| clear.insert(number));
        }
        let lease = if database.lease_off { 0 } else { self.lease() };
        Saw { epoch: database.epoch, clear, lease }
    }

    /// Whether the entry is valid under what was seen of the epoch.
    pub fn is_valid(&self, instance: &Instance, saw: Saw) -> bool {
        instance.entry.is_some_and(|epoch| saw.clear.contains(self.number(epoch)))
    }

    /// Whether the cache accepts the request.
    pub fn accepts(&self, state: &State, request: Request) -> bool {
        let instance = &state.instances[0];
        let (Some(age), Some(lease)) = (request.clock, instance.lease) else { return false };
        // The age of the clock reading is also the time by which the lease had longer to run then.
        request.end.unwrap_or(lease.left) > -age
            && self.is_valid(instance, request.held.unwrap_or(lease.saw))
    }

    /// The response to a read arrives: the lease is renewed, or continues.
    pub fn end_read(&self, instance: &mut Instance, read: Read) {
        let Some(saw) = read.saw else { return };
        let age = if self.rules == Rules::LeaseFromArrival { 0 } else { read.age };
        let mut lease = Lease { saw, left: saw.lease - age };
        let is_younger =
            |current: &Lease| current.left > 0 && current.saw.lease - current.left < age;
        if let Some(current) = instance.lease.filter(is_younger) {
            match self.rules {
                Rules::OlderCountsWhole => {}
                Rules::OlderKeepsEnd => lease.left = current.left,
                _ => return,
            }
        }
        instance.lease = Some(lease);
    }

    /// Sends the acknowledgement. An instance that is alone gives up its lease in place of the wait.
    pub fn acknowledge(&self, state: &mut State, at: usize) {
        let instance = &mut state.instances[at];
        instance.revocation = None;
        if self.world.alone && self.rules != Rules::AloneKeepsLease {
            instance.lease = None;
            if self.rules != Rules::AloneKeepsRead {
                instance.reads.clear();
            }
        }
        state.acknowledged = true;
    }

    /// Changes rights, and the epoch with them.
    pub fn change(database: &mut Database, affects: bool) {
        let before = database.epoch;
        database.drawn += 1;
        database.epoch = Epoch { counter: before.counter + 1, random: database.drawn };
        database.log.push(Change { before, affects });
    }

    /// The admin asks an instance for a revocation. Where no rule is broken, that is a commit.
    pub fn ask(&self, state: &mut State, at: usize) {
        let wait = self.wait(&state.database);
        let revocation = match self.rules {
            Rules::EpochAhead if !state.database.revoked => {
                Self::change(&mut state.database, true);
                Revocation::Begun { wait }
            }
            Rules::WaitFromBefore | Rules::WaitReadBefore => Revocation::Begun { wait },
            Rules::RepeatAtOnce if state.database.revoked => Revocation::Committed { wait: 0 },
            _ => return self.commit(state, at, wait),
        };
        state.instances[at].revocation = Some(revocation);
    }

    /// Commits and waits, even if nothing is left to do: the earlier commit may be a moment old and not yet
    /// acknowledged.
    pub fn commit(&self, state: &mut State, at: usize, wait: Ticks) {
        if !state.database.revoked {
            state.database.revoked = true;
            if self.rules != Rules::EpochAhead {
                Self::change(&mut state.database, true);
            }
        }
        state.instances[at].revocation = Some(Revocation::Committed { wait });
    }

    /// Reactivates the user. No acknowledgement so far, nor one on its way, promises anything any more.
    pub fn reactivate(state: &mut State) {
        state.database.reactivations += 1;
        state.database.revoked = false;
        Self::change(&mut state.database, true);
        state.acknowledged = false;
        state.request = None;
        for instance in &mut state.instances {
            instance.revocation = None;
        }
    }

    /// The operator turns leases on or off. Current leases continue.
    pub fn switch_lease(&self, database: &mut Database) {
        database.lease_off = !database.lease_off;
        database.settling = match self.rules {
            _ if !database.lease_off => 0,
            Rules::WaitOffAtOnce => 0,
            Rules::WaitOffWithoutMargin => LEASE,
            _ => LONGEST,
        };
    }

    /// Advances time for all instances, except for one whose clock stands still.
    pub fn tick(&self, state: &mut State, but: Option<usize>) {
        if let Some(request) = &mut state.request
            && but != Some(0)
        {
            request.clock = request.clock.map(|age| age + 1);
        }
        // An instance that is stopped for longer reaches no new state.
        state.request =
            state.request.filter(|request| request.clock.is_none_or(|age| age <= LONGEST));
        let clock = state.request.and_then(|request| request.clock);
        state.database.settling = (state.database.settling - 1).max(0);
        for (at, instance) in state.instances.iter_mut().enumerate() {
            if but == Some(at) {
                continue;
            }
            // A lease that had ended when the request's clock was read stays ended: how long ago does not
            // matter.
            let back = clock.filter(|_| at == 0).unwrap_or(0);
            let older = |left: Ticks| (left - 1).max(-back);
            if let Some(lease) = &mut instance.lease {
                lease.left = older(lease.left);
            }
            if let Some(request) = &mut state.request
                && at == 0
            {
                request.end = request.end.map(older);
            }
            for read in &mut instance.reads {
                read.age += 1;
            }
            instance.reads.retain(|read| read.age < self.lease() + back);
            match &mut instance.revocation {
                Some(Revocation::Committed { wait }) => *wait = (*wait - 1).max(0),
                Some(Revocation::Begun { wait }) if self.rules == Rules::WaitFromBefore => {
                    *wait = (*wait - 1).max(0);
                }
                _ => {}
            }
        }
    }
}
