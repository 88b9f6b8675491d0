//! The network between the exporter and a server: a proxy on loopback that can be cut, made to
//! swallow what is sent, or slowed down, while the server itself stays as it is.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Through,
    /// Accepted; then nothing comes back.
    Swallow,
    /// Every piece of an answer comes so much later.
    Slow(Duration),
}

struct Shared {
    server: Mutex<SocketAddr>,
    mode: Mutex<Mode>,
    /// Both ends of each connection, until it has ended.
    open: Mutex<HashMap<u64, Vec<TcpStream>>>,
    connections: AtomicU64,
}

/// Clients connect to `port`.
pub(crate) struct Link {
    pub(crate) port: u16,
    host: Ipv4Addr,
    shared: Arc<Shared>,
    /// While it listens: told to end by the flag.
    listening: Option<Arc<AtomicBool>>,
}

impl Link {
    /// A way to a server on this port of loopback.
    pub(crate) fn to(server: u16) -> Self {
        Self::from(Ipv4Addr::LOCALHOST, server)
    }

    /// The same from another address of loopback, on which nobody else listens.
    pub(crate) fn from(host: Ipv4Addr, server: u16) -> Self {
        let server = SocketAddr::from(([127, 0, 0, 1], server));
        let shared = Arc::new(Shared {
            server: Mutex::new(server),
            mode: Mutex::new(Mode::Through),
            open: Mutex::default(),
            connections: AtomicU64::new(0),
        });
        let listener = TcpListener::bind((host, 0)).expect("a free port");
        let port = listener.local_addr().expect("address").port();
        let mut link = Self { port, host, shared, listening: None };
        link.listen(listener);
        link
    }

    /// Connections are refused, and open ones reset.
    pub(crate) fn cut(&mut self) {
        if let Some(ended) = self.listening.take() {
            ended.store(true, Ordering::SeqCst);
            // Wakes the accept, which then drops the listener.
            let _ = TcpStream::connect((self.host, self.port));
            while Arc::strong_count(&ended) > 1 {
                thread::sleep(Duration::from_millis(2));
            }
        }
        self.drop_open();
    }

    /// Connections are accepted and what is sent disappears, as behind a firewall that drops.
    pub(crate) fn swallow(&self) {
        *lock(&self.shared.mode) = Mode::Swallow;
        self.drop_open();
    }

    /// Every piece of an answer comes this much later.
    pub(crate) fn slow(&self, by: Duration) {
        *lock(&self.shared.mode) = Mode::Slow(by);
    }

    /// New connections go to another server, as after a fail-over; open ones are reset.
    pub(crate) fn lead_to(&self, server: u16) {
        lock(&self.shared.server).set_port(server);
        self.drop_open();
    }

    /// As it was made, but for where it leads.
    pub(crate) fn mend(&mut self) {
        let was = std::mem::replace(&mut *lock(&self.shared.mode), Mode::Through);
        if was == Mode::Swallow {
            self.drop_open();
        }
        if self.listening.is_none() {
            let listener = TcpListener::bind((self.host, self.port)).expect("the port of the link");
            self.listen(listener);
        }
    }

    fn listen(&mut self, listener: TcpListener) {
        let ended = Arc::new(AtomicBool::new(false));
        self.listening = Some(Arc::clone(&ended));
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let connection = shared.connections.fetch_add(1, Ordering::SeqCst);
                    carry(client, connection, &shared);
                    lock(&shared.open).remove(&connection);
                });
            }
            drop(listener);
            drop(ended);
        });
    }

    fn drop_open(&self) {
        for stream in lock(&self.shared.open).drain().flat_map(|(_, ends)| ends) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut();
    }
}

fn carry(client: TcpStream, connection: u64, shared: &Arc<Shared>) {
    if *lock(&shared.mode) == Mode::Swallow {
        lock(&shared.open).insert(connection, client.try_clone().into_iter().collect());
        drain(client);
        return;
    }
    // A server that refuses is seen as a connection that ends at once: reset, not closed politely.
    let to = *lock(&shared.server);
    let Ok(server) = TcpStream::connect(to) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ends = [client.try_clone(), server.try_clone()].into_iter().flatten().collect();
    lock(&shared.open).insert(connection, ends);
    let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { return };
    let up = Arc::clone(shared);
    thread::spawn(move || pump(from, to, &up, false));
    pump(server, client, shared, true);
}

fn pump(mut from: TcpStream, mut to: TcpStream, shared: &Shared, answers: bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        let mode = *lock(&shared.mode);
        match mode {
            Mode::Slow(by) if answers => thread::sleep(by),
            _ => {}
        }
        if length == 0 || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn drain(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
