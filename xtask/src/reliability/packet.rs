//! MQTT on the wire, as far as a broker under test needs it.

use std::io::{self, Read};

/// Type of a packet: the upper half of its first byte.
pub const CONNECT: u8 = 1;
pub const PUBLISH: u8 = 3;
pub const PINGREQ: u8 = 12;
pub const DISCONNECT: u8 = 14;

/// The answer to a ping.
pub const PINGRESP: [u8; 2] = [0xd0, 0];

/// A packet as it came.
#[derive(Debug)]
pub struct Packet {
    pub first: u8,
    pub body: Vec<u8>,
}

impl Packet {
    /// Reads the next packet.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut byte = || {
            let mut byte = [0];
            from.read_exact(&mut byte).map(|()| byte[0])
        };
        let first = byte()?;
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let more = byte()?;
            length |= usize::from(more & 0x7f) << shift;
            shift += 7;
            if more < 0x80 {
                break;
            }
            if shift > 21 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Self { first, body })
    }

    pub fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// Whether a CONNECT asks for MQTT 5.
    pub fn is_version_5(&self) -> bool {
        self.body.get(6) == Some(&5)
    }
}

/// A message that came with QoS 1.
#[derive(Debug)]
pub struct Publish {
    pub id: u16,
    pub text: Vec<u8>,
}

impl Publish {
    /// Reads a PUBLISH; `None` for QoS 0 and for what is damaged.
    pub fn of(packet: &Packet, version_5: bool) -> Option<Self> {
        if packet.kind() != PUBLISH || packet.first & 6 == 0 {
            return None;
        }
        let body = &packet.body;
        let topic = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
        let mut at = 2 + topic;
        let id = u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?]);
        at += 2;
        if version_5 {
            // Properties of an alert are short: one byte has their length.
            at += 1 + usize::from(*body.get(at)?);
        }
        let text = body.get(at..)?.to_vec();
        Some(Self { id, text })
    }
}

/// CONNACK with a reason and, for MQTT 5, properties.
pub fn connack(version_5: bool, reason: u8, properties: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x20, 2, 0, reason];
    if version_5 {
        packet[1] += 1 + properties.len() as u8;
        packet.push(properties.len() as u8);
        packet.extend(properties);
    }
    packet
}

/// PUBACK; a reason other than 0 exists in MQTT 5 only.
pub fn puback(id: u16, reason: u8) -> Vec<u8> {
    acknowledge(0x40, id, reason)
}

/// PUBACK, PUBREC and their like.
pub fn acknowledge(first: u8, id: u16, reason: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    match reason {
        0 => vec![first, 2, high, low],
        reason => vec![first, 3, high, low, reason],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_is_read_in_both_versions() {
        for (version_5, properties) in [(false, &[][..]), (true, &[0][..])] {
            let mut bytes = vec![0x32, 0, 0, 1, b't', 0, 7];
            bytes.extend(properties);
            bytes.extend(b"text");
            bytes[1] = (bytes.len() - 2) as u8;
            let packet = Packet::read(&mut &bytes[..]).unwrap();
            let publish = Publish::of(&packet, version_5).unwrap();
            assert_eq!((publish.id, publish.text), (7, b"text".to_vec()));
        }
        assert!(Packet::read(&mut &[0x30, 0xff, 0xff, 0xff, 0xff, 1][..]).is_err());
    }
}
