//! Hashing on threads of its own, so that no caller's runtime is held up.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use futures_channel::oneshot;

use crate::credential::password::Password;
use crate::credential::password::argon2id::{self, Argon2Params, SALT_LENGTH, Stored};
use crate::credential::password::queue::{Asker, Queue};
use crate::model::entropy::draw;
use crate::model::{Entropy, EntropyError, PasswordHash};

/// Hashes passwords on a few threads of its own, and verifies them there.
///
/// A clone shares the threads. They end with the last clone, which whoever waits has too.
#[derive(Clone)]
pub struct PasswordHasher {
    pool: Arc<Pool>,
    asker: Asker,
}

/// How a [`PasswordHasher`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasherOptions {
    /// What each hash costs.
    pub params: Argon2Params,
    /// How many are hashed at a time; at least one is. Each takes the memory of the parameters.
    pub threads: usize,
    /// How many may wait for a thread; with 0 every password is refused. [Askers](PasswordHasher::asked_by) have
    /// their turns, and where no place is left for one who has fewer waiting than another, the other gives one up.
    pub queue: usize,
}

/// What a password turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one that was hashed.
    Match {
        /// Whether the hash was made with other parameters than those of today, and a new one should
        /// take its place.
        outdated: bool,
    },
    /// It is not, or there was none.
    Mismatch,
}

/// A password was neither hashed nor verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// As many as may are waiting already, or one who had fewer waiting came for this place. Nothing was done;
    /// later it may work.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// The threads ended before it was done, which they do only with the process.
    #[error("the password hasher was stopped")]
    Stopped,
    /// The hash could not be computed. No parameters that are allowed lead here.
    #[error("the password could not be hashed")]
    Failed,
    /// No random bytes could be drawn for the salt.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl PasswordHasher {
    /// Starts the threads, named `guestpass-hash`. Salts come out of `entropy`.
    ///
    /// # Errors
    ///
    /// Those of the operating system when it starts no thread.
    pub fn start(options: HasherOptions, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(options.queue));
        // From here on a failure closes the queue, which ends the threads that were started.
        let unmatchable = argon2id::unmatchable(options.params).map(Arc::new);
        let pool = Pool { queue, params: options.params, unmatchable, entropy };
        for _ in 0..options.threads.max(1) {
            let queue = Arc::clone(&pool.queue);
            thread::Builder::new().name("guestpass-hash".to_owned()).spawn(move || {
                while let Some(job) = queue.pop() {
                    // Answering wakes the caller, whose runtime may panic at that. Others wait here too.
                    let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
                }
            })?;
        }
        Ok(Self { pool: Arc::new(pool), asker: None })
    }

    /// The same hasher, for work that `asker` asks for: an address, say. Without one nobody's work is told
    /// from others', and each is a turn of its own.
    #[must_use]
    pub fn asked_by(&self, asker: Option<[u8; 16]>) -> Self {
        Self { pool: Arc::clone(&self.pool), asker }
    }

    /// The hash of `password` with a new salt.
    ///
    /// # Errors
    ///
    /// [`HashError`].
    ///
    /// # Cancellation
    ///
    /// A password that still waits is not hashed; its place in the queue is free when its turn comes.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        let salt: [u8; SALT_LENGTH] = draw(&*self.pool.entropy)?;
        let params = self.pool.params;
        self.pool
            .run(self.asker, move || {
                argon2id::hash(&password, params, salt).ok_or(HashError::Failed)
            })
            .await?
    }

    /// Whether `hash` is that of `password`.
    ///
    /// Without a hash, or with one that cannot be read or afforded, as much work is done as with one
    /// of today's parameters, and the answer is [`Verdict::Mismatch`]. Who measures the time learns
    /// nothing, as long as all hashes have today's parameters.
    ///
    /// # Errors
    ///
    /// [`HashError`]; never because of the hash.
    ///
    /// # Cancellation
    ///
    /// A password that still waits is not verified; its place in the queue is free when its turn
    /// comes.
    pub async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let (params, unmatchable) = (self.pool.params, self.pool.unmatchable.clone());
        self.pool
            .run(self.asker, move || {
                verify(&password, hash.as_ref(), unmatchable.as_deref(), params)
            })
            .await?
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher").field("params", &self.pool.params).finish_non_exhaustive()
    }
}

impl Default for HasherOptions {
    /// Two threads, and 256 that may wait.
    fn default() -> Self {
        Self { params: Argon2Params::default(), threads: 2, queue: 256 }
    }
}

struct Pool {
    queue: Arc<Queue<Box<dyn Job>>>,
    params: Argon2Params,
    /// What is verified where there is no hash.
    unmatchable: Option<Arc<PasswordHash>>,
    entropy: Arc<dyn Entropy>,
}

impl Pool {
    /// Runs `work` on one of the threads.
    async fn run<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(Task { work, reply });
        if let Some(gone) = self.queue.push(asker, task).map_err(|_| HashError::Busy)? {
            gone.refuse();
        }
        answer.await.map_err(|_| HashError::Stopped)?
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.close();
    }
}

trait Job: Send {
    fn run(self: Box<Self>);

    /// Says that there is no place for it any more.
    fn refuse(self: Box<Self>);
}

struct Task<W, T> {
    work: W,
    reply: oneshot::Sender<Result<T, HashError>>,
}

impl<T: Send, W: FnOnce() -> T + Send> Job for Task<W, T> {
    fn run(self: Box<Self>) {
        let Self { work, reply } = *self;
        if reply.is_canceled() {
            return;
        }
        // A panic ends neither the thread nor the wait of the caller.
        let result = catch_unwind(AssertUnwindSafe(work)).map_err(|_| HashError::Failed);
        // If the caller has gone meanwhile, nobody wants the answer.
        drop(reply.send(result));
    }

    fn refuse(self: Box<Self>) {
        drop(self.reply.send(Err(HashError::Busy)));
    }
}

fn verify(
    password: &Password,
    hash: Option<&PasswordHash>,
    unmatchable: Option<&PasswordHash>,
    params: Argon2Params,
) -> Result<Verdict, HashError> {
    match hash.and_then(Stored::parse) {
        Some(stored) if stored.matches(password) => {
            Ok(Verdict::Match { outdated: stored.is_outdated(params) })
        }
        Some(_) => Ok(Verdict::Mismatch),
        None => {
            let unmatchable = unmatchable.and_then(Stored::parse).ok_or(HashError::Failed)?;
            // The answer cannot be true, and is asked for all the same so that the work is done.
            std::hint::black_box(unmatchable.matches(password));
            Ok(Verdict::Mismatch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemEntropy;

    #[tokio::test]
    async fn a_panic_ends_neither_the_thread_nor_the_wait() {
        // With room for one only, a place that is not given back is missed at once.
        let options = HasherOptions { params: Argon2Params::for_tests(), threads: 1, queue: 1 };
        let hasher = PasswordHasher::start(options, Arc::new(SystemEntropy)).unwrap();
        for _ in 0..3 {
            let failed = hasher.pool.run(None, || std::panic::resume_unwind(Box::new(()))).await;
            assert_eq!(failed, Err::<(), _>(HashError::Failed));
        }
        assert!(hasher.hash(Password::attempt("open sesame").unwrap()).await.is_ok());
    }

    #[tokio::test]
    async fn the_threads_end_with_the_last_clone() {
        let hasher = PasswordHasher::start(HasherOptions::default(), Arc::new(SystemEntropy));
        let queue = Arc::downgrade(&hasher.unwrap().pool.queue);
        for _ in 0..1000 {
            if queue.strong_count() == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("a thread still has the queue");
    }
}
