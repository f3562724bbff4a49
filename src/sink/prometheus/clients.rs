//! Clients of the endpoint: each on a thread of its own, so that a slow one keeps nobody waiting,
//! and few at once, so that many take nothing from the run.

use std::io;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Clients that are served at once.
const AT_ONCE: usize = 16;
/// How long a new client waits for a place before another one has to go. It also limits how fast
/// a flood of clients can start threads.
const PATIENCE: Duration = Duration::from_millis(5);
/// Stack of a thread that serves a client: it holds one request and one answer on the heap.
const STACK_BYTES: usize = 256 << 10;

/// A client that is served.
#[derive(Debug)]
struct Client {
    number: u64,
    peer: IpAddr,
    stream: Arc<TcpStream>,
}

#[derive(Debug, Default)]
struct OpenClients {
    clients: Vec<Client>,
    next: u64,
}

/// The clients that are served now.
#[derive(Debug, Default)]
pub(super) struct MetricsClients {
    open: Mutex<OpenClients>,
    left: Condvar,
}

impl MetricsClients {
    /// Serves `stream` on a thread of its own. Where there is no place, the oldest client of the
    /// peer that has most is cut off: one peer cannot keep the others out.
    ///
    /// # Errors
    /// The connection is gone already, or the system gives no thread.
    pub fn serve(
        self: &Arc<Self>,
        stream: TcpStream,
        answer: impl FnOnce(&TcpStream) + Send + 'static,
    ) -> io::Result<()> {
        let peer = stream.peer_addr()?.ip();
        let stream = Arc::new(stream);
        let mut open = self.wait_for_a_place();
        if open.clients.len() >= AT_ONCE {
            cut_off_one(&mut open.clients);
        }
        let number = open.next;
        open.next += 1;
        open.clients.push(Client {
            number,
            peer,
            stream: stream.clone(),
        });
        drop(open);
        let clients = self.clone();
        let started = std::thread::Builder::new()
            .name("metrics".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                answer(&stream);
                clients.leave(number);
            });
        started.map(drop).inspect_err(|_| self.leave(number))
    }

    /// Cuts off all.
    pub fn close(&self) {
        for client in self.open().clients.drain(..) {
            // One that is gone needs no end.
            let _ = client.stream.shutdown(Shutdown::Both);
        }
    }

    fn wait_for_a_place(&self) -> MutexGuard<'_, OpenClients> {
        let full = |open: &mut OpenClients| open.clients.len() >= AT_ONCE;
        self.left
            .wait_timeout_while(self.open(), PATIENCE, full)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn leave(&self, number: u64) {
        self.open().clients.retain(|client| client.number != number);
        self.left.notify_one();
    }

    fn open(&self) -> MutexGuard<'_, OpenClients> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts off the oldest client of the peer that has most.
fn cut_off_one(clients: &mut Vec<Client>) {
    let count = |peer: IpAddr| clients.iter().filter(|other| other.peer == peer).count();
    let most = clients.iter().map(|client| count(client.peer)).max();
    let oldest = clients
        .iter()
        .position(|client| Some(count(client.peer)) == most);
    if let Some(at) = oldest {
        let client = clients.remove(at);
        // Its thread sees the end of the connection and ends.
        let _ = client.stream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_peer_with_most_clients_loses_its_oldest() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients: Vec<Client> = (0..5u8)
            .map(|number| {
                let stream = Arc::new(TcpStream::connect(address).unwrap());
                // Two peers: one has a single client, the first that came.
                let peer = IpAddr::from([10, 0, 0, u8::from(number > 0)]);
                Client {
                    number: number.into(),
                    peer,
                    stream,
                }
            })
            .collect();
        cut_off_one(&mut clients);
        cut_off_one(&mut clients);
        let left: Vec<u64> = clients.iter().map(|client| client.number).collect();
        assert_eq!(left, [0, 3, 4]);
    }
}
