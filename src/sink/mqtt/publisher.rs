//! Publishes to one connection.

use rumqttc::v5;

/// The client library's handle of a connection.
pub(super) enum MqttClient {
    V3(rumqttc::Client),
    V5(v5::Client),
    /// Keeps what is published.
    #[cfg(test)]
    Test(std::sync::mpsc::Sender<Vec<u8>>),
}

/// Hands lines to one connection.
pub(in crate::sink) struct MqttPublisher {
    pub(super) client: MqttClient,
    pub(super) topic: String,
    pub(super) limit: Option<usize>,
}

impl MqttPublisher {
    /// One that hands everything to `to`, and takes texts of at most `limit` bytes.
    #[cfg(test)]
    pub fn test(to: std::sync::mpsc::Sender<Vec<u8>>, limit: Option<usize>) -> Self {
        Self {
            client: MqttClient::Test(to),
            topic: String::new(),
            limit,
        }
    }

    /// Longest text that the broker takes, bytes, where it says so.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Hands `text` over; `false` where the connection takes no more.
    pub fn publish(&self, text: Vec<u8>) -> bool {
        self.send_text(&self.topic, false, text)
    }

    /// Says that this sender is there.
    pub fn announce_online(&self) -> bool {
        self.send_text(&status(&self.topic), true, b"online".to_vec())
    }

    /// Says that this sender leaves, and ends the connection.
    pub fn disconnect(self) {
        self.send_text(&status(&self.topic), true, b"offline".to_vec());
        // A connection that is gone needs no end.
        match &self.client {
            MqttClient::V3(client) => drop(client.try_disconnect()),
            MqttClient::V5(client) => drop(client.try_disconnect()),
            #[cfg(test)]
            MqttClient::Test(_) => {}
        }
    }

    fn send_text(&self, topic: &str, retain: bool, text: Vec<u8>) -> bool {
        match &self.client {
            MqttClient::V3(client) => client
                .try_publish(topic, rumqttc::QoS::AtLeastOnce, retain, text)
                .is_ok(),
            MqttClient::V5(client) => client
                .try_publish(topic, v5::mqttbytes::QoS::AtLeastOnce, retain, text)
                .is_ok(),
            #[cfg(test)]
            MqttClient::Test(to) => to.send(text).is_ok(),
        }
    }
}

/// The topic that says whether this sender is there.
pub(super) fn status(topic: &str) -> String {
    format!("{topic}/status")
}

/// What happens on the connection.
pub(in crate::sink) enum LinkEvent {
    /// It is there; what comes next belongs to it.
    Up(MqttPublisher),
    /// The next of what was handed over got this packet id and was sent.
    Sent(u16),
    /// The broker has what was sent with this packet id.
    Acked(u16),
    /// The broker never takes what was sent with this packet id, and why.
    Refused(u16, String),
    /// It is gone.
    Down,
}

impl std::fmt::Debug for LinkEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LinkEvent::Up(_) => "Up",
            LinkEvent::Sent(_) => "Sent",
            LinkEvent::Acked(_) => "Acked",
            LinkEvent::Refused(..) => "Refused",
            LinkEvent::Down => "Down",
        })
    }
}
