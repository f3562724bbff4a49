//! Finds an alert that the broker never accepts, so that it does not block those behind it.

use super::{MqttSession, OutboxEntry};

/// Connections that may end with an alert before it is suspected of being the cause.
pub(super) const SUSPECT: u32 = 3;

/// An alert that connections ended with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    pub number: u64,
    pub bytes: usize,
    pub ends: u32,
}

impl MqttSession {
    /// The connection ended: notes the first alert that was on its way. Where connections end with
    /// the same one again and again though the broker acknowledged what went before, alerts are
    /// sent one by one, and then those behind it get their turn.
    pub(super) fn suspect_oldest(&mut self) {
        let first = self
            .in_flight
            .values()
            .filter_map(|entry| match entry {
                OutboxEntry::Stored(number, bytes) => Some((*number, *bytes)),
                _ => None,
            })
            .min();
        let Some((number, bytes)) = first.filter(|_| self.acknowledged) else {
            return;
        };
        let ends = match self.suspect {
            Some(suspect) if suspect.number == number => suspect.ends + 1,
            _ => 1,
        };
        self.suspect = Some(Suspect {
            number,
            bytes,
            ends,
        });
    }

    /// The broker took an alert while another one is suspected: it never takes that one where it
    /// is longer than all that were taken.
    pub(super) fn check_suspect(&mut self) {
        let Some(suspect) = self.suspect.filter(|s| s.ends > SUSPECT) else {
            return;
        };
        let Suspect {
            number,
            bytes,
            ends,
        } = suspect;
        if bytes > self.longest_accepted {
            let reason = format!(
                "it ended {ends} connections that carried one of {bytes} bytes, and takes shorter \
                 ones; raise the broker's limit (mosquitto: max_packet_size)"
            );
            self.refuse(OutboxEntry::Stored(number, bytes), &reason);
        }
        self.suspect = None;
    }

    /// Alerts that may be on their way now.
    pub(super) fn max_in_flight(&self) -> usize {
        match &self.suspect {
            // Alone, to see whether it is the one.
            Some(suspect) if suspect.ends >= SUSPECT => 1,
            _ => self.max_in_flight,
        }
    }
}
