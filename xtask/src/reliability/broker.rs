//! A broker that can be told to misbehave.

use super::account::{AlertKey, alert_key};
use super::packet::{
    CONNECT, DISCONNECT, PINGREQ, PINGRESP, Packet, Publish, acknowledge, connack, puback,
};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a connection looks whether the broker ends.
const LOOK: Duration = Duration::from_millis(50);
/// Longest that a client is kept waiting on purpose.
const STALL: Duration = Duration::from_secs(30);

/// What a broker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// What it should.
    Good,
    Silent,
    ClosesAtOnce,
    Garbage,
    Http,
    /// CONNACK with this reason, of MQTT 5 or of 3.1.1.
    Refuses(u8),
    ClosesAfterConnack,
    GarbageAfterConnack,
    EndlessLength,
    HugeLength,
    ConnackByteByByte,
    SecondConnack,
    /// CONNACK with these properties (MQTT 5).
    Announces(&'static [u8]),
    NoAcks,
    WrongIds,
    AcksTwice,
    AcksInReverse,
    /// PUBACK with this reason (MQTT 5).
    AcksWith(u8),
    PubrecInstead,
    HalfAck,
    LateAcks,
    NoPings,
    ClosesOnPublish,
    ClosesAfterAck,
    /// DISCONNECT with this reason (MQTT 5).
    Disconnects(u8),
    Unsolicited,
    EmptyPackets,
    PingFlood,
}

#[derive(Debug)]
struct BrokerState {
    conduct: Mutex<Conduct>,
    /// Alerts that were acknowledged as taken.
    taken: Mutex<BTreeSet<AlertKey>>,
    ending: AtomicBool,
}

/// A broker on a port of this machine.
pub struct Broker {
    port: u16,
    state: Arc<BrokerState>,
}

impl Broker {
    /// Starts one.
    pub fn start(conduct: Conduct) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        Self::serve(listener, conduct)
    }

    /// Starts a good one on a port that was used before.
    pub fn start_on(port: u16) -> anyhow::Result<Self> {
        Self::serve(TcpListener::bind(("127.0.0.1", port))?, Conduct::Good)
    }

    fn serve(listener: TcpListener, conduct: Conduct) -> anyhow::Result<Self> {
        let port = listener.local_addr()?.port();
        let state = Arc::new(BrokerState {
            conduct: Mutex::new(conduct),
            taken: Mutex::default(),
            ending: AtomicBool::new(false),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ending.load(Relaxed) {
                    return;
                }
                let shared = shared.clone();
                if let Ok(stream) = stream {
                    // A client that leaves is what is tried here.
                    std::thread::spawn(move || drop(Connection::new(stream, shared).run()));
                }
            }
        });
        Ok(Self { port, state })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From the next connection on it does what it should; those that are there stay as they are.
    pub fn mend(&self) {
        *lock(&self.state.conduct) = Conduct::Good;
    }

    /// Alerts that it acknowledged as taken.
    pub fn taken(&self) -> BTreeSet<AlertKey> {
        lock(&self.state.taken).clone()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.state.ending.store(true, Relaxed);
        // Wakes the listener; without an answer it has ended already.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Connection {
    stream: TcpStream,
    state: Arc<BrokerState>,
    conduct: Conduct,
    version_5: bool,
    /// Held back, to be acknowledged in reverse.
    held: Vec<Publish>,
}

impl Connection {
    fn new(stream: TcpStream, state: Arc<BrokerState>) -> Self {
        let conduct = *lock(&state.conduct);
        Self {
            stream,
            state,
            conduct,
            version_5: false,
            held: Vec::new(),
        }
    }

    fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        match self.conduct {
            Conduct::ClosesAtOnce => return Ok(()),
            Conduct::Silent => return self.stall(),
            Conduct::Garbage => {
                self.stream.write_all(&[0xff; 200])?;
                return self.stall();
            }
            Conduct::Http => {
                self.stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
                return Ok(());
            }
            _ => {}
        }
        loop {
            let packet = self.read()?;
            match packet.kind() {
                CONNECT => {
                    self.version_5 = packet.is_version_5();
                    if !self.connack()? {
                        return Ok(());
                    }
                }
                PINGREQ if self.conduct != Conduct::NoPings => self.stream.write_all(&PINGRESP)?,
                DISCONNECT => return Ok(()),
                _ => {
                    if let Some(publish) = Publish::of(&packet, self.version_5)
                        && !self.answer(publish)?
                    {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The next packet; ends with the broker.
    fn read(&mut self) -> io::Result<Packet> {
        let mut first = [0];
        loop {
            self.stream.set_read_timeout(Some(LOOK))?;
            match self.stream.peek(&mut first) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => break,
                Err(_) if self.state.ending.load(Relaxed) => {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        self.stream.set_read_timeout(Some(STALL))?;
        Packet::read(&mut self.stream)
    }

    /// Says nothing more until the client leaves.
    fn stall(mut self) -> io::Result<()> {
        while self.read().is_ok() {}
        Ok(())
    }

    /// Answers CONNECT; false if the connection is to end.
    fn connack(&mut self) -> io::Result<bool> {
        let yes = connack(self.version_5, 0, &[]);
        match self.conduct {
            Conduct::Refuses(reason) => {
                self.stream
                    .write_all(&connack(self.version_5, reason, &[]))?;
                return Ok(false);
            }
            Conduct::ClosesAfterConnack => {
                self.stream.write_all(&yes)?;
                return Ok(false);
            }
            Conduct::GarbageAfterConnack => {
                self.stream.write_all(&yes)?;
                self.stream.write_all(&[0xff; 64])?;
            }
            Conduct::EndlessLength => self.stream.write_all(&[0x20, 0xff, 0xff, 0xff, 0xff, 1])?,
            Conduct::HugeLength => self.stream.write_all(&[0x20, 0xff, 0xff, 0xff, 0x7f, 0])?,
            Conduct::ConnackByteByByte => {
                for byte in yes {
                    self.stream.write_all(&[byte])?;
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            Conduct::SecondConnack => {
                self.stream.write_all(&yes)?;
                self.stream.write_all(&yes)?;
            }
            Conduct::Announces(properties) => {
                let packet = connack(self.version_5, 0, properties);
                self.stream.write_all(&packet)?;
            }
            Conduct::Unsolicited => {
                self.stream.write_all(&yes)?;
                // A message, SUBACK, UNSUBACK, PUBREL, PUBCOMP that nobody asked for.
                let message = [0x32, 6, 0, 1, b'x', 0, 9, 0];
                self.stream.write_all(&message[..2])?;
                self.stream.write_all(&message[2..])?;
                for packet in [[0x90, 3, 0, 1, 0], [0xb0, 3, 0, 1, 0]] {
                    self.stream.write_all(&packet)?;
                }
                self.stream.write_all(&acknowledge(0x62, 1, 0))?;
                self.stream.write_all(&acknowledge(0x70, 1, 0))?;
            }
            Conduct::EmptyPackets => {
                self.stream.write_all(&yes)?;
                self.stream.write_all(&[0; 16])?;
            }
            Conduct::PingFlood => {
                self.stream.write_all(&yes)?;
                for _ in 0..20_000 {
                    self.stream.write_all(&PINGRESP)?;
                }
            }
            _ => self.stream.write_all(&yes)?,
        }
        Ok(true)
    }

    fn take(&mut self, publish: &Publish) -> io::Result<()> {
        // News of the sender itself are no alerts.
        if let Some(key) = alert_key(&publish.text) {
            lock(&self.state.taken).insert(key);
        }
        self.stream.write_all(&puback(publish.id, 0))
    }

    /// Answers a message; false if the connection is to end.
    fn answer(&mut self, publish: Publish) -> io::Result<bool> {
        match self.conduct {
            Conduct::NoAcks => {}
            Conduct::WrongIds => {
                let wrong = publish.id.wrapping_add(100);
                self.stream.write_all(&puback(wrong, 0))?;
            }
            Conduct::AcksTwice => {
                self.take(&publish)?;
                self.stream.write_all(&puback(publish.id, 0))?;
            }
            Conduct::AcksInReverse => {
                self.held.push(publish);
                if self.held.len() == 3 {
                    while let Some(last) = self.held.pop() {
                        self.take(&last)?;
                    }
                }
            }
            // "No matching subscribers" means that the broker has it.
            Conduct::AcksWith(0x10) => {
                if let Some(key) = alert_key(&publish.text) {
                    lock(&self.state.taken).insert(key);
                }
                self.stream.write_all(&puback(publish.id, 0x10))?;
            }
            Conduct::AcksWith(reason) => self.stream.write_all(&puback(publish.id, reason))?,
            Conduct::PubrecInstead => {
                self.stream.write_all(&acknowledge(0x50, publish.id, 0))?;
            }
            Conduct::HalfAck => {
                self.stream.write_all(&[0x40, 2, 0])?;
                std::thread::sleep(STALL);
                return Ok(false);
            }
            Conduct::LateAcks => {
                std::thread::sleep(Duration::from_millis(100));
                self.take(&publish)?;
            }
            Conduct::ClosesOnPublish => return Ok(false),
            Conduct::ClosesAfterAck => {
                self.take(&publish)?;
                return Ok(false);
            }
            Conduct::Disconnects(reason) => {
                self.stream.write_all(&[0xe0, 2, reason, 0])?;
                return Ok(false);
            }
            _ => self.take(&publish)?,
        }
        Ok(true)
    }
}
