use std::time::Duration;

/// The target duration of a batch: how long a request's write may have to wait.
const TARGET: Duration = Duration::from_millis(25);
/// The shortest pause, so that a fast disk is not busy all the time.
const PAUSE: Duration = Duration::from_millis(5);
/// The number of rows of the first, of the smallest and of the largest batch.
const FIRST: i64 = 100;
const FEWEST: i64 = 10;
const MOST: i64 = 10_000;

/// Adapts the size of the next batch to the duration of the last one. That includes the time it waited for
/// other transactions: if the database is busy, batches become small and pauses long (backpressure).
#[derive(Debug)]
pub(super) struct Pace {
    rows: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rows: FIRST }
    }
}

impl Pace {
    pub(super) fn rows(&self) -> i64 {
        self.rows
    }

    /// Records how long the last batch took, and returns how long to pause.
    pub(super) fn after(&mut self, took: Duration) -> Duration {
        if took > TARGET {
            self.rows = (self.rows / 2).max(FEWEST);
        } else if took < TARGET / 2 {
            self.rows = (self.rows * 2).min(MOST);
        }
        took.max(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times: &[u64]) -> (i64, Duration) {
        let mut pace = Pace::default();
        let mut pause = Duration::ZERO;
        for time in times {
            pause = pace.after(Duration::from_millis(*time));
        }
        (pace.rows(), pause)
    }

    #[test]
    fn retention_batches_grow_while_fast_and_shrink_when_slow() {
        assert_eq!(after(&[]).0, FIRST);
        assert_eq!(after(&[1, 1]).0, 4 * FIRST);
        assert_eq!(after(&[20, 15]).0, FIRST, "near the target nothing changes");
        assert_eq!(after(&[100, 30]).0, FIRST / 4);
        assert_eq!(after(&[1; 60]).0, MOST);
        assert_eq!(after(&[5000; 60]).0, FEWEST);
    }

    #[test]
    fn retention_pause_is_at_least_as_long_as_the_batch() {
        assert_eq!(after(&[700]).1, Duration::from_millis(700));
        assert_eq!(after(&[0]).1, PAUSE);
    }
}
