//! Many operations in flight at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::Outcome;
use crate::measure::Share;

/// Does `operations` operations, so many of them at a time: as soon as one is answered, the next is
/// asked for. Says also how long each took.
pub(crate) fn fly<F, A>(
    runtime: &Runtime,
    at_a_time: usize,
    operations: usize,
    operation: F,
) -> Outcome<(Share, Vec<Duration>)>
where
    F: Fn(usize) -> A + Send + Sync + 'static,
    A: Future<Output = Outcome> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let operation = Arc::new(operation);
    let start = Instant::now();
    let latencies = runtime.block_on(async {
        let tasks: Vec<_> = (0..at_a_time)
            .map(|_| {
                let (next, operation) = (Arc::clone(&next), Arc::clone(&operation));
                tokio::spawn(async move {
                    let mut latencies = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if operations <= number {
                            return Ok(latencies);
                        }
                        let start = Instant::now();
                        operation(number).await?;
                        latencies.push(start.elapsed());
                    }
                })
            })
            .collect();
        let mut latencies = Vec::with_capacity(operations);
        for task in tasks {
            let of_task: Outcome<Vec<Duration>> = task.await?;
            latencies.extend(of_task?);
        }
        Outcome::Ok(latencies)
    })?;
    let share = Share { operations: u32::try_from(operations)?, time: start.elapsed() };
    Ok((share, latencies))
}
