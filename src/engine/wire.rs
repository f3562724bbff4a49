//! Checks that bytes have the form of an ONNX file before the loader sees them.
//!
//! ONNX is protobuf: nested messages with lengths. A damaged or foreign file can ask the loader
//! for impossible lengths, or send it round in circles, so every length, number and nesting that
//! the loader will follow is walked first. Values are not looked at, except sizes of tensors and
//! weights that claim to lie in another file.

/// Deeper nesting than any graph that runs; each level costs stack.
const DEPTH_LIMIT: u32 = 32;
/// A file ends at 2 GiB, so no tensor in it has more elements.
const ELEMENTS_LIMIT: u64 = 1 << 31;

/// Where and how a file departs from the form of an ONNX file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub(super) struct WireError {
    /// Offset in the file.
    pub at: usize,
    /// What was found there.
    pub what: &'static str,
}

/// The messages of `onnx.proto` that hold others or packed numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TypeOf,
    TensorType,
    Shape,
    /// A message whose fields are all plain.
    Flat,
}

/// What a field with a length holds.
enum Content {
    Bytes,
    Varints,
    Message(Kind),
}

impl Kind {
    /// Field numbers as in `onnx.proto` (IR version 10).
    fn content(self, field: u64) -> Content {
        use Content::{Bytes, Message, Varints};
        match (self, field) {
            (Kind::Model, 7) => Message(Kind::Graph),
            (Kind::Model, 8 | 14) => Message(Kind::Flat),
            (Kind::Graph, 1) => Message(Kind::Node),
            (Kind::Graph, 5) => Message(Kind::Tensor),
            (Kind::Graph, 11..=13) => Message(Kind::ValueInfo),
            (Kind::Graph, 16) => Message(Kind::Flat),
            (Kind::Node, 5) => Message(Kind::Attribute),
            (Kind::Node, 9) => Message(Kind::Flat),
            (Kind::Attribute, 5 | 10) => Message(Kind::Tensor),
            (Kind::Attribute, 6 | 11) => Message(Kind::Graph),
            (Kind::Attribute, 14 | 15) => Message(Kind::Type),
            (Kind::Attribute, 8) => Varints,
            (Kind::Tensor, 1 | 5 | 7 | 11) => Varints,
            (Kind::Tensor, 3 | 13 | 16) => Message(Kind::Flat),
            (Kind::ValueInfo, 2) => Message(Kind::Type),
            (Kind::ValueInfo, 4) => Message(Kind::Flat),
            (Kind::Type, 1 | 8) => Message(Kind::TensorType),
            (Kind::Type, 4 | 5 | 9) => Message(Kind::TypeOf),
            (Kind::TypeOf, 1 | 2) => Message(Kind::Type),
            (Kind::TensorType, 2) => Message(Kind::Shape),
            (Kind::Shape, 1) => Message(Kind::Flat),
            _ => Bytes,
        }
    }
}

/// Walks the whole file.
///
/// # Errors
/// The first place that departs from the form.
pub(super) fn check(bytes: &[u8]) -> Result<(), WireError> {
    let mut walk = Walk { bytes, at: 0 };
    let seen = walk.message(Kind::Model, bytes.len(), 0)?;
    if seen.version && seen.graph {
        Ok(())
    } else {
        Err(WireError {
            at: 0,
            what: "this is no ONNX file: it has no version or no graph",
        })
    }
}

/// What a message held, as far as it matters above it.
#[derive(Default)]
struct Seen {
    version: bool,
    graph: bool,
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn error<T>(&self, what: &'static str) -> Result<T, WireError> {
        Err(WireError { at: self.at, what })
    }

    fn message(&mut self, kind: Kind, end: usize, depth: u32) -> Result<Seen, WireError> {
        if depth > DEPTH_LIMIT {
            return self.error("nested too deeply");
        }
        let mut seen = Seen::default();
        let mut elements = 1u64;
        while self.at < end {
            let tag = self.varint(end)?;
            let field = tag >> 3;
            match tag & 7 {
                _ if field == 0 => return self.error("a field with number 0"),
                0 => {
                    let value = self.varint(end)?;
                    match (kind, field) {
                        (Kind::Model, 1) => seen.version = true,
                        (Kind::Tensor, 1) => self.dimension(value, &mut elements)?,
                        (Kind::Tensor, 14) if value == 1 => {
                            return self.error(
                                "weights in another file, which is not read; put them inside \
                                 (save_as_external_data = False)",
                            );
                        }
                        _ => {}
                    }
                }
                1 => self.skip(8, end)?,
                5 => self.skip(4, end)?,
                2 => {
                    let len = self.varint(end)?;
                    let Some(stop) = usize::try_from(len)
                        .ok()
                        .and_then(|len| self.at.checked_add(len))
                        .filter(|&stop| stop <= end)
                    else {
                        return self.error("a length that leads out of the file");
                    };
                    match kind.content(field) {
                        Content::Bytes => self.at = stop,
                        Content::Message(inner) => {
                            self.message(inner, stop, depth + 1)?;
                            seen.graph |= kind == Kind::Model && field == 7;
                        }
                        Content::Varints => {
                            while self.at < stop {
                                let value = self.varint(stop)?;
                                if kind == Kind::Tensor && field == 1 {
                                    self.dimension(value, &mut elements)?;
                                }
                            }
                        }
                    }
                }
                _ => return self.error("a field of a type that ONNX does not have"),
            }
        }
        Ok(seen)
    }

    /// Counts a tensor's dimension in.
    fn dimension(&self, value: u64, elements: &mut u64) -> Result<(), WireError> {
        *elements = elements.saturating_mul(value);
        if value > ELEMENTS_LIMIT || *elements > ELEMENTS_LIMIT {
            return self.error("a tensor larger than any file");
        }
        Ok(())
    }

    fn skip(&mut self, len: usize, end: usize) -> Result<(), WireError> {
        if end - self.at < len {
            return self.error("the file ends inside a number");
        }
        self.at += len;
        Ok(())
    }

    fn varint(&mut self, end: usize) -> Result<u64, WireError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.bytes[..end].get(self.at) else {
                return self.error("the file ends inside a number");
            };
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if shift == 63 && byte > 1 {
                    break;
                }
                return Ok(value);
            }
        }
        self.error("a number longer than 64 bits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with a length.
    fn field(number: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, body.len() as u8];
        bytes.extend_from_slice(body);
        bytes
    }

    fn model(graph: &[u8]) -> Vec<u8> {
        [vec![0x08, 8], field(7, graph)].concat()
    }

    #[track_caller]
    fn refused(bytes: &[u8], part: &str) {
        let error = check(bytes).unwrap_err();
        assert!(error.what.contains(part), "{error}");
    }

    #[test]
    fn the_smallest_model_passes() {
        check(&model(&[])).unwrap();
        let tensor = field(
            5,
            &[field(1, &[2, 3]), vec![0x10, 1], field(9, &[0; 24])].concat(),
        );
        check(&model(&tensor)).unwrap();
    }

    #[test]
    fn what_the_loader_would_stumble_over_is_refused() {
        refused(&[], "no ONNX file");
        refused(&[0x08, 8], "no ONNX file");
        refused(
            b"<html><body>not found</body></html>",
            "type that ONNX does not have",
        );
        refused(&[0xff; 40], "longer than 64 bits");
        refused(&[0x80; 9], "ends inside");
        refused(&[0x3a, 200, 1, 0], "out of the file");
        refused(
            &[
                0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            "out of the",
        );
        refused(&model(&[0x0d, 1, 2]), "ends inside");
        refused(&model(&[0x02, 0]), "number 0");
        // Packed numbers are walked too: ten bytes with their high bit set.
        let dims = field(5, &field(1, &[0xff; 10]));
        refused(&model(&dims), "longer than 64 bits");
    }

    #[test]
    fn absurd_tensors_and_weights_elsewhere_are_refused() {
        let big = [0xff, 0xff, 0xff, 0xff, 0x07];
        refused(
            &model(&field(5, &field(1, &[&big[..], &big[..]].concat()))),
            "larger than any",
        );
        refused(&model(&field(5, &[0x70, 1])), "weights in another file");
        // A dimension of -1 is a huge number on the wire; one of 0 does not hide it.
        let minus = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        refused(
            &model(&field(5, &field(1, &[&[0][..], &minus].concat()))),
            "larger than any",
        );
    }

    #[test]
    fn endless_nesting_is_refused() {
        // Graph → node → attribute → graph …
        let mut graph = Vec::new();
        for _ in 0..12 {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        assert!(graph.len() < 128);
        refused(&model(&graph), "nested too deeply");
    }
}
