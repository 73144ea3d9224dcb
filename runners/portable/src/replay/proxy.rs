//! Something between a worker and one service of its engine, which holds back what comes by, or breaks off.

use super::hear::PATIENCE;
use crate::failure;
use ferrobeam_core::Result;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The streams between a worker and its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Instructions and answers.
    Control,
    /// Elements and timers.
    Data,
    /// State and side inputs.
    State,
    /// What the worker logs.
    Logging,
    /// Questions for how it is.
    Status,
}

/// A proxy for TCP.
pub struct Proxy {
    pub(super) address: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    now: Mutex<Now>,
    changed: Condvar,
}

#[derive(Default)]
struct Now {
    holds: bool,
    is_broken: bool,
    /// How many pieces are held back.
    held: usize,
    connections: Vec<TcpStream>,
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        change(&mut self.now());
        self.changed.notify_all();
    }

    /// Waits until a piece may go on; false if it never may.
    fn pass(&self) -> bool {
        let mut now = self.now();
        now.held += 1;
        self.changed.notify_all();
        let waited = self.changed.wait_while(now, |now| now.holds && !now.is_broken);
        now = waited.unwrap_or_else(PoisonError::into_inner);
        now.held -= 1;
        !now.is_broken
    }
}

impl Proxy {
    /// A proxy in front of `host:port`, for as long as this process lives.
    pub(super) fn to(url: &str) -> std::io::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = format!("localhost:{}", listener.local_addr()?.port());
        let shared = Arc::<Shared>::default();
        let (to, of) = (url.to_owned(), shared.clone());
        std::thread::spawn(move || {
            for from in listener.incoming() {
                // Whoever cannot connect finds out.
                let _ = from.and_then(|from| connect(&of, from, TcpStream::connect(&to)?));
            }
        });
        Ok(Proxy { address, shared })
    }

    /// Holds back all that comes from now on.
    pub fn hold(&self) {
        self.shared.change(|now| now.holds = true);
    }

    /// Waits until something is held back.
    ///
    /// # Errors
    /// Nothing comes.
    pub fn wait_held(&self) -> Result<()> {
        let waited = self.shared.changed.wait_timeout_while(self.shared.now(), PATIENCE, |now| now.held == 0);
        let (_now, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() { Err(failure("nothing came by")) } else { Ok(()) }
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.shared.change(|now| now.holds = false);
    }

    /// Closes all connections, those that come later too.
    pub fn break_off(&self) {
        self.shared.change(|now| {
            now.is_broken = true;
            now.connections.iter().for_each(close);
        });
    }
}

fn connect(shared: &Arc<Shared>, from: TcpStream, to: TcpStream) -> std::io::Result<()> {
    for (from, to) in [(from.try_clone()?, to.try_clone()?), (to, from)] {
        from.set_nodelay(true)?;
        let mut now = shared.now();
        if now.is_broken {
            close(&from);
        }
        now.connections.push(from.try_clone()?);
        drop(now);
        let shared = shared.clone();
        std::thread::spawn(move || pump(&shared, from, to));
    }
    Ok(())
}

fn pump(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !shared.pass() || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    close(&from);
    close(&to);
}

fn close(stream: &TcpStream) {
    // It may be closed already.
    let _ = stream.shutdown(Shutdown::Both);
}
