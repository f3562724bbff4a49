//! A look at the bytes before they are decoded: how deeply messages lie in each other and how many
//! there are. A message of two bytes becomes hundreds in memory, so their number is what bounds
//! it.

use crate::error::OnnxError;

/// Deeper nesting than any graph that is read; each level costs stack.
const DEPTH_LIMIT: u32 = 32;
/// More messages than any graph that is read.
const MESSAGES_LIMIT: usize = 4_000_000;

#[derive(Clone, Copy)]
enum MessageKind {
    Model,
    Graph,
    Node,
    Attribute,
    Function,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Training,
    Plain,
}

/// The message in field `field` of a `kind`, by the numbers of `onnx.proto`; none for text, bytes
/// and packed numbers.
fn inside(kind: MessageKind, field: u64) -> Option<MessageKind> {
    Some(match (kind, field) {
        (MessageKind::Model, 7) => MessageKind::Graph,
        (MessageKind::Model, 20) => MessageKind::Training,
        (MessageKind::Model, 25) => MessageKind::Function,
        (MessageKind::Model, 8 | 14) => MessageKind::Plain,
        (MessageKind::Training, 1 | 2) => MessageKind::Graph,
        (MessageKind::Training, 3 | 4) => MessageKind::Plain,
        (MessageKind::Graph, 1) | (MessageKind::Function, 7) => MessageKind::Node,
        (MessageKind::Graph, 5) => MessageKind::Tensor,
        (MessageKind::Graph, 11..=13) | (MessageKind::Function, 12) => MessageKind::ValueInfo,
        (MessageKind::Graph, 14..=16) | (MessageKind::Function, 9 | 14) => MessageKind::Plain,
        (MessageKind::Node, 5) | (MessageKind::Function, 11) => MessageKind::Attribute,
        (MessageKind::Node, 9) => MessageKind::Plain,
        (MessageKind::Attribute, 5 | 10) => MessageKind::Tensor,
        (MessageKind::Attribute, 6 | 11) => MessageKind::Graph,
        (MessageKind::Attribute, 14 | 15) => MessageKind::Type,
        (MessageKind::Attribute, 22 | 23) => MessageKind::Plain,
        (MessageKind::Tensor, 3 | 13 | 16) => MessageKind::Plain,
        (MessageKind::ValueInfo, 2) => MessageKind::Type,
        (MessageKind::ValueInfo, 4) => MessageKind::Plain,
        (MessageKind::Type, 1 | 8) => MessageKind::TensorType,
        // Sequences, maps, optionals hold types again.
        (MessageKind::Type, 4 | 5 | 9) => MessageKind::Type,
        (MessageKind::TensorType, 2) => MessageKind::Shape,
        (MessageKind::Shape, 1) => MessageKind::Plain,
        _ => return None,
    })
}

/// Walks all messages.
///
/// # Errors
/// [`OnnxError::NotOnnx`] with the first byte that departs from the form, [`OnnxError::Limit`] where there
/// are too many messages.
pub(super) fn check(bytes: &[u8]) -> Result<(), OnnxError> {
    let mut messages = 0;
    // Where a message begins and ends, what it is, how deep it lies.
    let mut open = vec![(0, bytes.len(), MessageKind::Model, 0)];
    while let Some((mut at, end, kind, depth)) = open.pop() {
        let wrong = |at: usize, what: &str| OnnxError::NotOnnx {
            what: format!("byte {at}: {what}"),
        };
        if depth > DEPTH_LIMIT {
            return Err(wrong(at, "nested too deeply"));
        }
        while at < end {
            let start = at;
            let number = |at: &mut usize| {
                varint(&bytes[..end], at).ok_or_else(|| wrong(start, "the file ends in a number"))
            };
            let tag = number(&mut at)?;
            let skip = match tag & 7 {
                0 => {
                    number(&mut at)?;
                    continue;
                }
                1 => 8,
                5 => 4,
                2 => number(&mut at)?,
                _ => return Err(wrong(start, "a field of a type that ONNX does not have")),
            };
            let stop = usize::try_from(skip).ok().and_then(|n| at.checked_add(n));
            let stop = stop
                .filter(|&stop| stop <= end)
                .ok_or_else(|| wrong(start, "a length that leads out of the file"))?;
            if tag & 7 == 2
                && let Some(inner) = inside(kind, tag >> 3)
            {
                messages += 1;
                if messages > MESSAGES_LIMIT {
                    return Err(OnnxError::Limit {
                        what: format!("the model holds more than {MESSAGES_LIMIT} messages"),
                    });
                }
                open.push((at, stop, inner, depth + 1));
            }
            at = stop;
        }
    }
    Ok(())
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(bytes: &[u8], part: &str) {
        let error = check(bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn lengths_and_types_are_checked() {
        check(&[]).unwrap();
        check(&[0x08, 8, 0x3a, 0]).unwrap();
        refused(&[0x3a, 5, 0], "out of the file");
        refused(&[0x80], "ends in a number");
        refused(&[0x0b], "type that ONNX does not have");
        refused(&[0xff; 20], "ends in a number");
    }

    #[test]
    fn endless_nesting_and_numbers_of_messages_are_refused() {
        let field = |number: u8, body: &[u8]| [&[number << 3 | 2, body.len() as u8], body].concat();
        let mut graph = Vec::new();
        for _ in 0..12 {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        refused(&field(7, &graph), "nested too deeply");
        // Opset imports without content: two bytes each.
        let many = [0x42, 0].repeat(MESSAGES_LIMIT + 1);
        refused(&many, "more than");
    }
}
