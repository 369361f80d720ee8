//! Figures and how they are printed.
//!
//! Invariant: a printed time is the median of its runs, with the least and the greatest beside it.

use std::time::{Duration, Instant};

/// Some runs of the same thing.
#[derive(Debug, Clone)]
pub struct Runs(Vec<Duration>);

impl Runs {
    /// Times `run` so many times; `prepare` is not timed.
    pub fn of<P, R>(
        times: usize,
        mut prepare: impl FnMut() -> P,
        mut run: impl FnMut(P) -> R,
    ) -> (Self, R) {
        let mut runs = Vec::with_capacity(times);
        let mut last = None;
        for _ in 0..times.max(1) {
            let prepared = prepare();
            let start = Instant::now();
            last = Some(run(prepared));
            runs.push(start.elapsed());
        }
        runs.sort_unstable();
        (Self(runs), last.expect("it ran at least once"))
    }

    /// Sorted times.
    pub fn from_times(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The middle one, in seconds.
    pub fn seconds(&self) -> f64 {
        self.0[self.0.len() / 2].as_secs_f64()
    }

    /// The quickest, in seconds.
    pub fn least(&self) -> f64 {
        self.0[0].as_secs_f64()
    }

    /// The `q`-th part of the runs took no longer, in seconds.
    pub fn quantile(&self, q: f64) -> f64 {
        let last = self.0.len() - 1;
        self.0[((last as f64 * q).round() as usize).min(last)].as_secs_f64()
    }
}

/// The geometric mean.
pub fn geometric_mean(values: &[f64]) -> f64 {
    let logs: f64 = values.iter().map(|v| v.ln()).sum();
    (logs / values.len().max(1) as f64).exp()
}

/// The value after `--name` on the command line.
pub fn option(name: &str) -> Option<String> {
    let mut args = std::env::args();
    args.find(|arg| arg.strip_prefix("--") == Some(name))?;
    args.next()
}

/// Whether `--name` is on the command line.
pub fn flag(name: &str) -> bool {
    std::env::args().any(|arg| arg.strip_prefix("--") == Some(name))
}
