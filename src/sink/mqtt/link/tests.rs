//! The connection of a run that is over at once.

use super::*;
use std::net::TcpListener;
use std::sync::mpsc::sync_channel;

#[test]
fn run_that_is_over_at_once_still_tries() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tried = std::thread::spawn(move || listener.accept().is_ok());
    let broker = BrokerAddress {
        tls: false,
        user: None,
        password: None,
        host: "127.0.0.1".into(),
        port,
        topic: "road".into(),
    };
    let link = MqttLink::new(&broker, &MqttSettings::default()).unwrap();
    let shared = SharedSink::default();
    shared.closing.store(true, Relaxed);
    let (to, from) = sync_channel(4);
    link.run(&to, &shared);
    assert!(tried.join().unwrap());
    // The session stops waiting for what cannot come.
    assert!(matches!(
        from.try_recv(),
        Ok(SinkMessage::Link(LinkEvent::Down))
    ));
}
