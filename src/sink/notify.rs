//! systemd: READY, STATUS and WATCHDOG, as sd_notify(3) has them.

use super::RunMetrics;
use super::metrics::MetricsSnapshot;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two statuses.
const STATUS: Duration = Duration::from_secs(5);
/// Looks a watchdog period: systemd asks for at least two signs.
const PINGS_PER_PERIOD: u32 = 4;

/// Tells systemd how the run goes, on a thread of its own. The watchdog is fed only where frames
/// were finished since the last look: a run that hangs is restarted.
#[derive(Debug)]
pub struct ServiceNotifier {
    socket: Arc<UnixDatagram>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServiceNotifier {
    /// Where `$NOTIFY_SOCKET` and `$WATCHDOG_USEC` say; `None` where systemd did not ask.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub fn from_environment(metrics: &Arc<RunMetrics>) -> io::Result<Option<Self>> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let number = |key: &str| std::env::var(key).ok()?.parse::<u64>().ok();
        // Meant for another process where the number is another's.
        let for_us = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC")
            .filter(|us| *us > 0 && for_us)
            .map(Duration::from_micros);
        Self::start(name.as_encoded_bytes(), watchdog, metrics.clone()).map(Some)
    }

    /// Tells the socket `name` (a path, or `@` and an abstract name); feeds a watchdog of that
    /// period.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub fn start(
        name: &[u8],
        watchdog: Option<Duration>,
        metrics: Arc<RunMetrics>,
    ) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address(name)?)?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(socket);
        let (end, ended) = channel();
        let every = watchdog.map_or(STATUS, |period| (period / PINGS_PER_PERIOD).min(STATUS));
        let to = socket.clone();
        let thread = std::thread::Builder::new()
            .name("notify".into())
            .spawn(move || {
                let mut before = metrics.snapshot();
                while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                    let now = metrics.snapshot();
                    // A run that waits for its source is alive: to restart it would find no more.
                    let signs = |snapshot: &MetricsSnapshot| {
                        snapshot.frames() + snapshot.invalid + snapshot.waits
                    };
                    let moved = signs(&now) > signs(&before);
                    let feed = if watchdog.is_some() && moved {
                        "WATCHDOG=1\n"
                    } else {
                        ""
                    };
                    notify(&to, &format!("{feed}STATUS={}\n", status(&now, &before)));
                    before = now;
                }
            })?;
        Ok(Self {
            socket,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// The first frame can come.
    pub fn ready(&self) {
        notify(&self.socket, "READY=1\n");
    }
}

impl Drop for ServiceNotifier {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        notify(&self.socket, "STOPPING=1\n");
    }
}

/// A message that systemd does not take is lost: the next one follows soon.
fn notify(socket: &UnixDatagram, text: &str) {
    let _ = socket.send(text.as_bytes());
}

fn address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    match name.split_first() {
        Some((b'@', rest)) => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)),
    }
}

/// One line: rate and p99 since the last one, the rest since the start.
fn status(now: &MetricsSnapshot, before: &MetricsSnapshot) -> String {
    let seconds = (now.up.saturating_sub(before.up)).as_secs_f64().max(1e-3);
    let rate = (now.frames() - before.frames()) as f64 / seconds;
    let age = match now.age_ms(0.99, Some(before)) {
        Some(ms) => format!("p99 {ms:.0} ms"),
        None => "no frame".into(),
    };
    if now.waits > before.waits {
        return format!("waiting for the source, {} alerts", now.alerts);
    }
    let mut text = format!(
        "{rate:.1} frames/s, {age}, {} late and {} dropped of {}, {} alerts",
        now.late,
        now.all_dropped(),
        now.frames() + now.all_dropped(),
        now.alerts
    );
    if now.invalid > 0 {
        text.push_str(&format!(", {} bad frames", now.invalid));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::DropReason;

    fn next(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 1000];
        let bytes = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..bytes].to_vec()).unwrap()
    }

    #[test]
    fn ready_status_watchdog_and_the_end_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        systemd
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let metrics = Arc::new(RunMetrics::default());
        let name = path.to_str().unwrap().as_bytes();
        let period = Duration::from_millis(80);
        let notifier = ServiceNotifier::start(name, Some(period), metrics.clone()).unwrap();
        notifier.ready();
        assert_eq!(next(&systemd), "READY=1\n");
        // No frame, no food for the watchdog.
        let hungry = next(&systemd);
        assert!(
            hungry.starts_with("STATUS=0.0 frames/s, no frame"),
            "{hungry}"
        );
        // A source that is waited for feeds it.
        metrics.count_wait();
        let fed = loop {
            let text = next(&systemd);
            if text.starts_with("WATCHDOG=1\n") {
                break text;
            }
        };
        assert!(fed.contains("STATUS=waiting for the source"), "{fed}");
        metrics.finish_frame(Duration::from_millis(30), true);
        metrics.finish_frame(Duration::from_millis(90), false);
        metrics.set_superseded(2);
        metrics.count_dropped(DropReason::TooLate);
        // A look may fall between these lines: the first that is fed need not know them all.
        let (mut fed, mut all) = (false, false);
        while !(fed && all) {
            let text = next(&systemd);
            if text.starts_with("WATCHDOG=1\n") {
                fed = true;
                assert!(text.contains("p99 ") && !text.contains("bad"), "{text}");
            }
            all |= text.contains("1 late and 3 dropped of 5, 0 alerts");
        }
        drop(notifier);
        let last = std::iter::repeat_with(|| next(&systemd)).find(|t| !t.contains("STATUS"));
        assert_eq!(last.unwrap(), "STOPPING=1\n");
    }

    #[test]
    fn abstract_names_and_bad_ones() {
        let metrics = Arc::new(RunMetrics::default());
        let name = format!("unmask-test-{}", std::process::id());
        let at = address(format!("@{name}").as_bytes()).unwrap();
        let systemd = UnixDatagram::bind_addr(&at).unwrap();
        let notifier = ServiceNotifier::start(format!("@{name}").as_bytes(), None, metrics.clone());
        notifier.unwrap().ready();
        assert_eq!(next(&systemd), "READY=1\n");
        assert!(ServiceNotifier::start(b"/nowhere/socket", None, metrics).is_err());
    }
}
