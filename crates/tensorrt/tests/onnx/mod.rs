//! ONNX models, written byte by byte: this crate has no reader or writer of ONNX.

#![allow(dead_code)]

pub const FLOAT: u64 = 1;
pub const INT8: u64 = 3;
pub const INT32: u64 = 6;
pub const INT64: u64 = 7;

/// An attribute of a node.
#[derive(Clone, Copy)]
pub enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
}

/// A graph in the making; fields are in protocol buffer form.
pub struct Graph {
    opset: u64,
    graph: Vec<u8>,
}

/// A base 128 number.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number of field `field`.
fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

/// Bytes of field `field`.
fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn value_info(name: &str, data_type: u64, shape: &[i64]) -> Vec<u8> {
    let mut dims = Vec::new();
    for &size in shape {
        let mut dim = Vec::new();
        number(&mut dim, 1, size as u64);
        bytes(&mut dims, 1, &dim);
    }
    let mut tensor = Vec::new();
    number(&mut tensor, 1, data_type);
    bytes(&mut tensor, 2, &dims);
    let mut kind = Vec::new();
    bytes(&mut kind, 1, &tensor);
    let mut info = Vec::new();
    bytes(&mut info, 1, name.as_bytes());
    bytes(&mut info, 2, &kind);
    info
}

impl Graph {
    pub fn new(opset: u64) -> Self {
        let mut graph = Vec::new();
        bytes(&mut graph, 2, b"g");
        Self { opset, graph }
    }

    pub fn input(mut self, name: &str, data_type: u64, shape: &[i64]) -> Self {
        bytes(&mut self.graph, 11, &value_info(name, data_type, shape));
        self
    }

    pub fn output(mut self, name: &str, data_type: u64, shape: &[i64]) -> Self {
        bytes(&mut self.graph, 12, &value_info(name, data_type, shape));
        self
    }

    /// A constant; `raw` are its bytes.
    pub fn constant(mut self, name: &str, data_type: u64, shape: &[i64], raw: &[u8]) -> Self {
        let mut tensor = Vec::new();
        for &size in shape {
            number(&mut tensor, 1, size as u64);
        }
        number(&mut tensor, 2, data_type);
        bytes(&mut tensor, 8, name.as_bytes());
        bytes(&mut tensor, 9, raw);
        bytes(&mut self.graph, 5, &tensor);
        self
    }

    pub fn floats(self, name: &str, shape: &[i64], values: &[f32]) -> Self {
        let raw: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(name, FLOAT, shape, &raw)
    }

    pub fn node(
        mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> Self {
        let mut node = Vec::new();
        inputs
            .iter()
            .for_each(|input| bytes(&mut node, 1, input.as_bytes()));
        outputs
            .iter()
            .for_each(|output| bytes(&mut node, 2, output.as_bytes()));
        bytes(&mut node, 3, name.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        for attribute in attributes {
            let mut field = Vec::new();
            match attribute {
                Attribute::Int(name, value) => {
                    bytes(&mut field, 1, name.as_bytes());
                    number(&mut field, 3, *value as u64);
                    number(&mut field, 20, 2);
                }
                Attribute::Ints(name, values) => {
                    bytes(&mut field, 1, name.as_bytes());
                    values
                        .iter()
                        .for_each(|value| number(&mut field, 8, *value as u64));
                    number(&mut field, 20, 7);
                }
            }
            bytes(&mut node, 5, &field);
        }
        bytes(&mut self.graph, 1, &node);
        self
    }

    /// The model.
    pub fn bytes(&self) -> Vec<u8> {
        let mut opset = Vec::new();
        bytes(&mut opset, 1, b"");
        number(&mut opset, 2, self.opset);
        let mut model = Vec::new();
        number(&mut model, 1, 8);
        bytes(&mut model, 7, &self.graph);
        bytes(&mut model, 8, &opset);
        model
    }
}

const PADS: Attribute<'_> = Attribute::Ints("pads", &[1, 1, 1, 1]);

/// Values that repeat no pattern.
fn values(count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| (index as f32 * 0.37).sin())
        .collect()
}

/// One convolution, 4 to 4 channels on 8 × 8.
pub fn convolution() -> Vec<u8> {
    Graph::new(17)
        .input("x", FLOAT, &[1, 4, 8, 8])
        .floats("w", &[4, 4, 3, 3], &values(144))
        .node("the convolution", "Conv", &["x", "w"], &["y"], &[PADS])
        .output("y", FLOAT, &[1, 4, 8, 8])
        .bytes()
}

/// Three convolutions of 32 channels on 64 × 64.
pub fn chain_of_convolutions() -> Vec<u8> {
    Graph::new(17)
        .input("x", FLOAT, &[1, 32, 64, 64])
        .floats("w", &[32, 32, 3, 3], &values(32 * 32 * 9))
        .node("a", "Conv", &["x", "w"], &["a"], &[PADS])
        .node("b", "Conv", &["a", "w"], &["b"], &[PADS])
        .node("c", "Conv", &["b", "w"], &["y"], &[PADS])
        .output("y", FLOAT, &[1, 32, 64, 64])
        .bytes()
}

/// A convolution with Q/DQ pairs on map and weights.
pub fn int8_convolution() -> Vec<u8> {
    let weights: Vec<u8> = (0..32 * 32).map(|index| (index * 7 % 251) as u8).collect();
    Graph::new(17)
        .input("x", FLOAT, &[1, 32, 16, 16])
        .floats("s", &[], &[0.05])
        .constant("z", INT8, &[], &[0])
        .constant("w", INT8, &[32, 32, 1, 1], &weights)
        .node("q", "QuantizeLinear", &["x", "s", "z"], &["q"], &[])
        .node("d", "DequantizeLinear", &["q", "s", "z"], &["d"], &[])
        .node("dw", "DequantizeLinear", &["w", "s", "z"], &["dw"], &[])
        .node("the convolution", "Conv", &["d", "dw"], &["y"], &[])
        .output("y", FLOAT, &[1, 32, 16, 16])
        .bytes()
}

/// Three nodes of an operator that the parser does not know.
pub fn three_unknown_operators() -> Vec<u8> {
    Graph::new(17)
        .input("x", FLOAT, &[1, 4, 4])
        .node("det 0", "Det", &["x"], &["a"], &[])
        .node("det 1", "Det", &["x"], &["b"], &[])
        .node("det 2", "Det", &["x"], &["c"], &[])
        .node("add", "Add", &["a", "b"], &["ab"], &[])
        .node("sum", "Add", &["ab", "c"], &["y"], &[])
        .output("y", FLOAT, &[1])
        .bytes()
}

/// An addition of two types, which ONNX forbids.
pub fn mixed_addition() -> Vec<u8> {
    Graph::new(17)
        .input("x", FLOAT, &[4])
        .input("i", INT32, &[4])
        .node("the addition", "Add", &["x", "i"], &["y"], &[])
        .output("y", FLOAT, &[4])
        .bytes()
}

/// The `count` largest of 8000 values.
pub fn top_k(count: i64) -> Vec<u8> {
    Graph::new(17)
        .input("x", FLOAT, &[1, 8000])
        .constant("k", INT64, &[1], &count.to_le_bytes())
        .node("top", "TopK", &["x", "k"], &["y", "i"], &[])
        .output("y", FLOAT, &[1, count])
        .bytes()
}

/// An addition of 16 floats that lie in a file.
pub fn external(location: &str) -> Vec<u8> {
    let mut entry = Vec::new();
    bytes(&mut entry, 1, b"location");
    bytes(&mut entry, 2, location.as_bytes());
    let mut tensor = Vec::new();
    number(&mut tensor, 1, 16);
    number(&mut tensor, 2, FLOAT);
    bytes(&mut tensor, 8, b"w");
    bytes(&mut tensor, 13, &entry);
    number(&mut tensor, 14, 1);
    let mut graph = Graph::new(17)
        .input("x", FLOAT, &[16])
        .node("add", "Add", &["x", "w"], &["y"], &[])
        .output("y", FLOAT, &[16]);
    bytes(&mut graph.graph, 5, &tensor);
    graph.bytes()
}
