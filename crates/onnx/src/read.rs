//! ONNX files that others wrote, into a [`Graph`]: every limit is checked before memory is asked
//! for, every refusal names the node.

mod build;
mod guard;
mod opset;
mod precision;
mod tensor;
mod wire;

use super::error::Error;
use super::ir::Graph;
use super::messages::ModelProto;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

pub use precision::precision;
pub use tensor::small_tensor;

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file, and again of all its external data together.
    pub bytes: u64,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Axes of a tensor (TensorRT: 8).
    pub rank: usize,
    /// Elements of a tensor.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 2 << 30,
            nodes: 100_000,
            rank: 8,
            elements: 1 << 31,
        }
    }
}

/// A model as read.
#[derive(Clone, Debug)]
pub struct Model {
    /// The graph, in opset 17.
    pub graph: Graph,
    /// `metadata_props`, in order.
    pub facts: Vec<(String, String)>,
    /// Opset of the file.
    pub opset: i64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

impl Model {
    /// The text of the fact `key`.
    pub fn fact(&self, key: &str) -> Option<&str> {
        let found = self.facts.iter().find(|(k, _)| k == key);
        found.map(|(_, text)| text.as_str())
    }
}

/// Reads the model at `path`. External data is read from the file's own folder and those below it.
///
/// # Errors
/// [`Error::Read`], [`Error::Limit`], [`Error::NotOnnx`], [`Error::External`], [`Error::Model`],
/// [`Error::Node`]: see [`Graph::from_model`].
pub fn open(path: &Path, limits: &Limits) -> Result<Model, Error> {
    let (proto, sha256) = open_proto(path, limits)?;
    let (graph, facts) = Graph::from_model(&proto, path.parent(), limits)?;
    Ok(Model {
        graph,
        facts,
        opset: opset(&proto).unwrap_or_default(),
        sha256,
    })
}

/// Reads the messages of the model at `path`, and the file's SHA-256 in hexadecimal. Nothing
/// outside the file is read.
///
/// # Errors
/// [`Error::Read`], [`Error::Limit`], [`Error::NotOnnx`].
pub fn open_proto(path: &Path, limits: &Limits) -> Result<(ModelProto, String), Error> {
    let bytes = file(path, limits)?;
    let proto = parse(&bytes)?;
    let hash = Sha256::digest(&bytes);
    Ok((proto, hash.iter().map(|b| format!("{b:02x}")).collect()))
}

/// Reads the messages of the model at `path`, whatever its operators: [`whole`] of the file.
///
/// # Errors
/// [`Error::Read`], [`Error::Limit`]; as [`whole`].
pub fn open_whole(path: &Path, limits: &Limits) -> Result<ModelProto, Error> {
    whole(&file(path, limits)?, limits)
}

/// Reads the messages of a model with all its weights inside from the bytes of a file, whatever
/// its operators. All that opens a model goes through these checks, or through
/// [`Graph::from_model`], which makes the same.
///
/// # Errors
/// [`Error::NotOnnx`]; [`Error::Limit`] for more nodes, elements or axes than are read;
/// [`Error::Node`] for nodes that wait for each other or write the same value;
/// [`Error::External`] for weights in another file.
pub fn whole(bytes: &[u8], limits: &Limits) -> Result<ModelProto, Error> {
    let model = parse(bytes)?;
    if model.ir_version.is_none() {
        return Err(Error::NotOnnx {
            what: "it has no version".to_owned(),
        });
    }
    check(&model, limits)?;
    Ok(model)
}

/// What [`whole`] checks once the messages are read.
pub fn check(model: &ModelProto, limits: &Limits) -> Result<(), Error> {
    guard::check(model, limits)?;
    model.graph.iter().try_for_each(guard::weights_inside)
}

fn file(path: &Path, limits: &Limits) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > limits.bytes {
        return Err(Error::Limit {
            what: format!(
                "{} has {bytes} bytes, at most {} are read",
                path.display(),
                limits.bytes
            ),
        });
    }
    fs::read(path).map_err(failed)
}

/// Reads the messages of a model from the bytes of a file, whose lengths, nesting and number of
/// messages are checked first.
///
/// # Errors
/// [`Error::NotOnnx`].
pub fn parse(bytes: &[u8]) -> Result<ModelProto, Error> {
    wire::check(bytes)?;
    ModelProto::from_bytes(bytes)
}

/// Opset of `ai.onnx` that the model's nodes are taken from.
pub fn opset(model: &ModelProto) -> Option<i64> {
    let own = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let mut imports = model.opset_import.iter();
    imports.find(|o| own(&o.domain)).and_then(|o| o.version)
}
