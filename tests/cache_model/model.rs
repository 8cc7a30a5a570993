//! The transitions: every step that an instance, the database, the admin or time may take next.
//!
//! Any step may be delayed for ever. So a stopped process and a late message are histories in which the others
//! go on between two steps, and a lost message is one that another replaces before it arrives. Neither needs a
//! step of its own.

use stateright::{Model, Property};

use crate::{
    cache::Cache,
    rules::Rules,
    state::{Database, Instance, Read, Request, Revocation, State},
};

/// The promise (safety).
pub const PROMISE: &str = "no request that begins after the acknowledgement is accepted";
/// The cache is of use.
pub const USE: &str = "the cache may serve a request";
/// The invalidation log is of use.
pub const WARM: &str = "the cache may serve a request after a change that affects other users";
/// A revocation is acknowledged in the end.
pub const ACKNOWLEDGED: &str = "a revocation is acknowledged";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Time passes, for all but the instance whose clock stands still.
    Tick { but: Option<usize> },
    /// An instance takes t0, and is about to read the epoch. An earlier read that was on its way is given up.
    BeginRead(usize),
    /// The statement of a read runs.
    RunRead(usize, usize),
    /// The response to a read arrives.
    EndRead(usize, usize),
    /// The statement of a lookup runs, for a request that was not served from the cache.
    BeginFill(usize),
    /// The response to a lookup arrives.
    EndFill(usize),
    /// The process crashes, and starts again with an empty cache.
    Crash(usize),
    /// The admin asks an instance for a revocation.
    Ask(usize),
    /// The revocation is committed there.
    Commit(usize),
    /// Its acknowledgement is sent.
    Acknowledge(usize),
    /// The user is reactivated.
    Reactivate,
    /// Something changes that affects other users.
    ChangeOther,
    /// The oldest row of the log is deleted.
    Purge,
    /// The database is restored to its initial state.
    Restore,
    /// The operator sets the length of leases to L, or to zero.
    SwitchLease,
    /// The operator sets the length of the wait to 1.1 L, or to zero.
    SwitchWait,
    /// The request's head arrives.
    Head(usize),
    /// The clock is read for the request.
    ReadClock,
    /// The epoch is read for the request, separately from the lease's end.
    ReadEpoch,
    /// The lease's end is read for the request, before the entry.
    ReadEnd,
    /// The request is served from the cache.
    FromCache,
    /// The request waits for a lookup that is on its way, and uses its result.
    Join,
    /// The request is served from the store.
    FromStore,
}

impl Cache {
    fn steps_of(state: &State, at: usize, steps: &mut Vec<Step>) {
        let instance = &state.instances[at];
        steps.extend([Step::BeginRead(at), Step::Crash(at)]);
        for (index, read) in instance.reads.iter().enumerate() {
            let ran = read.saw.is_some();
            steps.push(if ran { Step::EndRead(at, index) } else { Step::RunRead(at, index) });
        }
        if !state.database.revoked {
            steps.push(Step::BeginFill(at));
        }
        if instance.fill.is_some() {
            steps.push(Step::EndFill(at));
        }
        match instance.revocation {
            Some(Revocation::Begun { .. }) => steps.push(Step::Commit(at)),
            Some(Revocation::Committed { wait: 0 }) => steps.push(Step::Acknowledge(at)),
            Some(Revocation::Committed { .. }) | None => {}
        }
        // The admin repeats the request where no acknowledgement can come any more: a later one changes
        // nothing.
        if !state.acknowledged
            && state.instances.iter().all(|instance| instance.revocation.is_none())
        {
            steps.push(Step::Ask(at));
        }
        if state.acknowledged && state.request.is_none() {
            steps.push(Step::Head(at));
        }
    }

    fn steps_of_request(&self, state: &State, request: Request, steps: &mut Vec<Step>) {
        match request {
            Request { begun: false, .. } if state.acknowledged => steps.push(Step::Head(0)),
            Request { begun: false, .. } => {}
            Request { held: None, .. } if self.rules == Rules::ReadApart => {
                steps.push(Step::ReadEpoch);
            }
            Request { end: None, .. } if self.rules == Rules::EndFirst => steps.push(Step::ReadEnd),
            Request { clock: None, .. } => steps.push(Step::ReadClock),
            _ if self.accepts(state, request) => steps.push(Step::FromCache),
            _ => {}
        }
        if request.begun && !state.database.revoked {
            steps.push(Step::FromStore);
        }
        if request.begun && self.rules == Rules::JoinedLookUp && state.instances[0].fill.is_some() {
            steps.push(Step::Join);
        }
    }

    /// The operator's next steps to turn the cache on or off.
    fn switches(&self, database: &Database, steps: &mut Vec<Step>) {
        let lease_first = self.rules == Rules::LeaseOnFirst;
        match (database.lease_off, database.wait_off) {
            (false, false) => steps.push(Step::SwitchLease),
            (true, false) if database.settling > 0 => steps.push(Step::SwitchLease),
            (true, false) => steps.extend([Step::SwitchLease, Step::SwitchWait]),
            (true, true) if lease_first => steps.push(Step::SwitchLease),
            (_, true) => steps.push(Step::SwitchWait),
        }
    }
}

impl Model for Cache {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            database: Database::default(),
            instances: vec![Instance::default(); self.world.instances],
            acknowledged: false,
            request: None,
            accepted: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.accepted {
            return;
        }
        steps.push(Step::Tick { but: None });
        let instances = 0..state.instances.len();
        if self.rules == Rules::ClockStandsStill {
            steps.extend(instances.clone().map(|at| Step::Tick { but: Some(at) }));
        }
        for at in instances {
            Self::steps_of(state, at, steps);
        }
        match state.request {
            Some(request) => self.steps_of_request(state, request, steps),
            None if self.rules == Rules::ClockBeforeHead => steps.push(Step::ReadClock),
            None => {}
        }
        if state.database.reactivations < self.world.reactivations && state.database.revoked {
            steps.push(Step::Reactivate);
        }
        if state.database.others < self.world.others {
            steps.push(Step::ChangeOther);
        }
        if self.world.others > 0 && !state.database.log.is_empty() {
            steps.push(Step::Purge);
        }
        // A restore after the revocation would undo it, which is a different matter.
        if state.database.restores < self.world.restores && !state.database.revoked {
            steps.push(Step::Restore);
        }
        if self.world.switched {
            self.switches(&state.database, steps);
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        let State { database, instances, request, .. } = &mut next;
        match step {
            Step::Tick { but } => self.tick(&mut next, but),
            Step::BeginRead(at) => {
                let reads = &mut instances[at].reads;
                if reads.len() == self.rules.reads() {
                    reads.remove(0);
                }
                reads.push(Read { age: 0, saw: None });
            }
            Step::RunRead(at, index) => {
                let before = instances[at].lease.map(|lease| lease.saw);
                let pinned = before.filter(|_| self.rules == Rules::PinnedSnapshot);
                instances[at].reads[index].saw =
                    Some(pinned.unwrap_or_else(|| self.look(database)));
            }
            Step::EndRead(at, index) => {
                let read = instances[at].reads.remove(index);
                self.end_read(&mut instances[at], read);
            }
            Step::BeginFill(at) => instances[at].fill = Some(database.epoch),
            Step::EndFill(at) => {
                let instance = &mut instances[at];
                let epoch = instance.lease.map(|lease| lease.saw.epoch);
                let late = epoch.filter(|_| self.rules == Rules::FillAtArrival);
                instance.entry = late.or(instance.fill.take());
                instance.fill = None;
            }
            Step::Crash(at) => {
                instances[at] = Instance::default();
                *request = request.filter(|_| at != 0);
            }
            Step::Ask(at) => self.ask(&mut next, at),
            Step::Commit(at) => {
                let Some(Revocation::Begun { wait }) = instances[at].revocation else {
                    return None;
                };
                self.commit(&mut next, at, wait);
            }
            Step::Acknowledge(at) => self.acknowledge(&mut next, at),
            Step::Reactivate => Self::reactivate(&mut next),
            Step::ChangeOther => {
                database.others += 1;
                Self::change(database, false);
            }
            Step::Purge => _ = database.log.remove(0),
            Step::Restore => {
                let Database { drawn, others, restores, .. } = *database;
                *database =
                    Database { drawn, others, restores: restores + 1, ..Database::default() };
            }
            Step::SwitchLease => self.switch_lease(database),
            Step::SwitchWait => database.wait_off = !database.wait_off,
            Step::Head(at) => {
                // From now on no other instance takes part.
                *instances = vec![instances.swap_remove(at)];
                request.get_or_insert_default().begun = true;
            }
            Step::ReadClock => request.get_or_insert_default().clock = Some(0),
            Step::ReadEpoch => request.as_mut()?.held = Some(instances[0].lease?.saw),
            Step::ReadEnd => request.as_mut()?.end = Some(instances[0].lease?.left),
            Step::FromCache | Step::Join | Step::FromStore => next.accepted = true,
        }
        // Instances are interchangeable: states that differ only in their order are one (symmetry reduction).
        if next.request.is_none() {
            next.instances.sort_unstable();
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn may_serve(cache: &Cache, state: &State, warm: bool) -> bool {
            state.instances.iter().any(|instance| {
                instance.lease.is_some_and(|lease| {
                    let another = instance.entry != Some(lease.saw.epoch);
                    lease.left > 0 && cache.is_valid(instance, lease.saw) && (another || !warm)
                })
            })
        }
        let mut properties = vec![
            Property::always(PROMISE, |_, state: &State| !state.accepted),
            Property::sometimes(USE, |cache, state| may_serve(cache, state, false)),
            Property::sometimes(ACKNOWLEDGED, |_, state: &State| state.acknowledged),
        ];
        if self.world.others > 0 {
            properties
                .push(Property::sometimes(WARM, |cache, state| may_serve(cache, state, true)));
        }
        properties
    }
}
