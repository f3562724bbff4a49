//! ONNX files that others wrote, into a [`OnnxGraph`]: every limit is checked before memory is asked
//! for, every refusal names the node.

mod build;
mod guard;
mod limits;
mod opset;
mod precision;
mod tensor;
#[cfg(test)]
mod tests;
mod wire;

use super::error::OnnxError;
use super::ir::OnnxGraph;
use super::messages::{GraphProto, ModelProto};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use unmask_frame::open_regular_file;

pub use super::ir::small_tensor;
pub use limits::ReadLimits;
pub use opset::opset;
pub use precision::precision;

/// A model as read.
#[derive(Clone, Debug)]
pub struct OnnxModel {
    /// The graph, in opset 17.
    pub graph: OnnxGraph,
    /// `metadata_props`, in order.
    pub metadata: Vec<(String, String)>,
    /// Opset of the file.
    pub opset: i64,
    /// SHA-256 of the file, and of its external data where it has some, hexadecimal.
    pub sha256: String,
}

impl OnnxModel {
    /// The text of the fact `key`.
    pub fn fact(&self, key: &str) -> Option<&str> {
        let found = self.metadata.iter().find(|(k, _)| k == key);
        found.map(|(_, text)| text.as_str())
    }
}

/// Reads the model at `path`. External data is read from the file's own folder and those below it.
///
/// # Errors
/// [`OnnxError::Read`], [`OnnxError::Limit`], [`OnnxError::NotOnnx`], [`OnnxError::External`], [`OnnxError::Model`],
/// [`OnnxError::Node`]: see [`OnnxGraph::from_model`].
pub fn open(path: &Path, limits: &ReadLimits) -> Result<OnnxModel, OnnxError> {
    let (mut proto, file_hash) = open_proto(path, limits)?;
    let sha256 = bring_weights_in(&mut proto, &file_hash, path.parent(), limits)?;
    let (graph, metadata) = OnnxGraph::from_model(&proto, None, limits)?;
    Ok(OnnxModel {
        graph,
        metadata,
        opset: opset(&proto).unwrap_or_default(),
        sha256,
    })
}

/// Reads the messages of the model at `path`, and the file's SHA-256 in hexadecimal. Nothing
/// outside the file is read.
///
/// # Errors
/// [`OnnxError::Read`], [`OnnxError::Limit`], [`OnnxError::NotOnnx`].
pub fn open_proto(path: &Path, limits: &ReadLimits) -> Result<(ModelProto, String), OnnxError> {
    let bytes = file(path, limits)?;
    let proto = parse(&bytes)?;
    Ok((proto, hash(&bytes)))
}

/// Reads the messages of the model at `path`, whatever its operators, with its external data put
/// inside.
///
/// # Errors
/// [`OnnxError::Read`], [`OnnxError::Limit`], [`OnnxError::External`]; as [`whole`].
pub fn open_complete(path: &Path, limits: &ReadLimits) -> Result<ModelProto, OnnxError> {
    let mut model = whole(&file(path, limits)?, limits)?;
    bring_weights_in(&mut model, "", path.parent(), limits)?;
    Ok(model)
}

/// Reads the messages of a model from the bytes of a file, whatever its operators; external data is
/// not read. All that opens a model goes through these checks, or through [`OnnxGraph::from_model`],
/// which makes the same.
///
/// # Errors
/// [`OnnxError::NotOnnx`]; [`OnnxError::Limit`] for more nodes, elements or axes than are read;
/// [`OnnxError::Node`] for nodes that wait for each other or write the same value; [`OnnxError::Model`]
/// for a key of the metadata with two values.
pub fn whole(bytes: &[u8], limits: &ReadLimits) -> Result<ModelProto, OnnxError> {
    Ok(checked(bytes, limits)?.0)
}

/// As [`whole`]; and whether the file lists constants among its inputs.
fn checked(bytes: &[u8], limits: &ReadLimits) -> Result<(ModelProto, bool), OnnxError> {
    let (model, listed) = parsed(bytes)?;
    if model.ir_version.is_none() {
        return Err(OnnxError::NotOnnx {
            what: "it has no version".to_owned(),
        });
    }
    guard::check(&model, limits)?;
    Ok((model, listed))
}

/// What [`whole`] checks once the messages are read, and that no weights lie outside of them.
pub fn check(model: &ModelProto, limits: &ReadLimits) -> Result<(), OnnxError> {
    guard::check(model, limits)?;
    model.graph.iter().try_for_each(guard::weights_inside)
}

/// A model that an engine may load: it has passed every check that a graph passes.
#[derive(Clone, Debug)]
pub struct Runnable {
    /// The ONNX file, self-contained: external data lies inside, constants are no inputs.
    pub bytes: Vec<u8>,
    /// SHA-256 of the file, and of its external data where it has some, hexadecimal.
    pub sha256: String,
    /// See [`precision()`].
    pub precision: &'static str,
}

/// Checks the model file in `bytes`, whose external data lies in `folder`, and makes it
/// self-contained. What `unmask inspect` refuses is refused here in the same words: shapes of all
/// values are known, and bounded together with the memory that they take, before an engine sees
/// the file.
///
/// # Errors
/// As [`open`].
pub fn runnable(
    bytes: Vec<u8>,
    folder: Option<&Path>,
    limits: &ReadLimits,
) -> Result<Runnable, OnnxError> {
    let (mut model, listed) = checked(&bytes, limits)?;
    let file_hash = hash(&bytes);
    let sha256 = bring_weights_in(&mut model, &file_hash, folder, limits)?;
    OnnxGraph::from_model(&model, None, limits)?;
    let precision = precision(&model);
    let bytes = match sha256 == file_hash && !listed {
        true => bytes,
        false => model.to_bytes(),
    };
    Ok(Runnable {
        bytes,
        sha256,
        precision,
    })
}

/// Puts external data of `model` inside its messages. The hash of the whole: `file_hash` where all
/// lies inside already, else of both together.
///
/// # Errors
/// [`OnnxError::External`]; [`OnnxError::Limit`] where all together is larger than a file may be.
pub fn bring_weights_in(
    model: &mut ModelProto,
    file_hash: &str,
    folder: Option<&Path>,
    limits: &ReadLimits,
) -> Result<String, OnnxError> {
    let Some(graph) = &mut model.graph else {
        return Ok(file_hash.to_owned());
    };
    match tensor::bring_in(graph, folder, limits)? {
        None => Ok(file_hash.to_owned()),
        Some(data_hash) => Ok(hash(format!("{file_hash} {data_hash}").as_bytes())),
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn file(path: &Path, limits: &ReadLimits) -> Result<Vec<u8>, OnnxError> {
    let failed = |source| OnnxError::Read {
        path: path.to_owned(),
        source,
    };
    let file = open_regular_file(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > limits.bytes {
        return Err(OnnxError::Limit {
            what: format!(
                "{} has {bytes} bytes, at most {} are read",
                path.display(),
                limits.bytes
            ),
        });
    }
    let mut all = Vec::new();
    file.take(limits.bytes)
        .read_to_end(&mut all)
        .map_err(failed)?;
    Ok(all)
}

/// Reads the messages of a model from the bytes of a file, whose lengths, nesting and number of
/// messages are checked first. Constants that older files list among the inputs are no inputs.
///
/// # Errors
/// [`OnnxError::NotOnnx`].
pub fn parse(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    Ok(parsed(bytes)?.0)
}

/// As [`parse`]; and whether constants were listed.
fn parsed(bytes: &[u8]) -> Result<(ModelProto, bool), OnnxError> {
    wire::check(bytes)?;
    let mut model = ModelProto::from_bytes(bytes)?;
    let listed = model.graph.as_mut().is_some_and(drop_constant_inputs);
    Ok((model, listed))
}

/// Takes those inputs out of `graph` that are initializers. Whether there were any.
fn drop_constant_inputs(graph: &mut GraphProto) -> bool {
    let constants = graph.initializer.iter().filter_map(|t| t.name.as_deref());
    let constants: HashSet<&str> = constants.collect();
    let before = graph.input.len();
    let listed = |name: &Option<String>| name.as_deref().is_some_and(|n| constants.contains(n));
    graph.input.retain(|input| !listed(&input.name));
    graph.input.len() < before
}
