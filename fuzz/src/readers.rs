//! What is done with the bytes of a file, whoever wrote it: by the fuzz targets with any bytes, by
//! `tests/readers.rs` with the kept ones.

use std::fs;
use std::path::{Path, PathBuf};
use unmask_frame::Size;
use unmask_graph::checkpoint::Checkpoint;
use unmask_graph::quantize::{BlockSet, QuantizeGraph, QuantizePlan, RestPrecision, rewrite};
use unmask_graph::write::SamplingForm;
use unmask_graph::{cost, export, import, lint, surgery};
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::read::{self, ReadLimits};

/// What an ONNX file may ask for here: little, so that a file which gets more is a finding.
pub const LIMITS: ReadLimits = ReadLimits {
    bytes: 1 << 20,
    nodes: 1000,
    rank: 8,
    elements: 1 << 20,
    memory_bytes: 64 << 20,
};

/// `config.json` next to a checkpoint of HuggingFace, as far as it is read.
const CONFIG: &str = include_str!("../../tests/fixtures/import/swin/config.json");

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    path
}

/// An error that names the file, or the weights in it.
fn named(path: &Path, error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let known =
        text.contains(&*name) || text.contains("config.json") || text.contains("do not fit");
    assert!(known, "an error without the file's name: {text}");
    text
}

/// An ONNX file: read, looked through, made lean, written and read again, brought to FP16.
///
/// # Errors
/// Why it was refused.
pub fn onnx(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = put(folder, "model.onnx", bytes);
    if let Ok(proto) = read::parse(bytes) {
        lint::lint(&proto);
        if let Ok(net) = QuantizeGraph::new(proto) {
            let plan = QuantizePlan::new(&net);
            let _ = rewrite(&net, &plan, &BlockSet::none(), None, RestPrecision::Fp16);
        }
    }
    let model = read::open(&path, &LIMITS).map_err(|e| e.to_string())?;
    let mut graph = model.graph;
    cost::blocks(&graph);
    surgery::run(&mut graph).map_err(|e| e.to_string())?;
    let written = graph.to_model(&model.metadata).to_bytes();
    let limits = ReadLimits {
        bytes: 1 << 28,
        nodes: 10_000,
        elements: 1 << 26,
        ..LIMITS
    };
    let again = read::parse(&written).and_then(|p| OnnxGraph::from_model(&p, None, &limits));
    again
        .map(|_| ())
        .map_err(|e| format!("written, but not read again: {e}"))
}

/// A checkpoint of this project or of others in safetensors: read, and written as a network.
///
/// # Errors
/// Why it was refused.
pub fn safetensors(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    put(folder, "config.json", CONFIG.as_bytes());
    let path = put(folder, "model.safetensors", bytes);
    let own = Checkpoint::read(&path).map_err(|e| named(&path, &e));
    let read = match own {
        Ok(read) => read,
        Err(_) => import::read(&path, None).map_err(|e| named(&path, &e))?,
    };
    let options = export::ExportOptions {
        size: Some(Size::new(32, 32)),
        sampling: SamplingForm::default(),
    };
    export::model(&read, &options).map_err(|e| named(&path, &e))?;
    Ok(())
}

/// A checkpoint as a pickle, and as the archive that PyTorch puts around one.
///
/// # Errors
/// Why it was refused, of the first of the two.
pub fn pickle(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = put(folder, "model.pth", bytes);
    let plain = import::read(&path, None).map_err(|e| named(&path, &e));
    if bytes.first() == Some(&0x80) {
        let storage: Vec<u8> = (0..64).collect();
        let files = [("a/data.pkl", bytes), ("a/data/0", &storage)];
        let path = put(folder, "packed.pth", &zip(&files));
        let _ = import::read(&path, None).map_err(|e| named(&path, &e));
    }
    plain.map(|_| ())
}

/// A zip archive of `files`, stored as they are.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let header = out.len() as u32;
        let mut metadata = vec![0; 6];
        metadata.extend([0; 4]);
        metadata.extend(crc32(bytes).to_le_bytes());
        metadata.extend((bytes.len() as u32).to_le_bytes());
        metadata.extend((bytes.len() as u32).to_le_bytes());
        metadata.extend((name.len() as u16).to_le_bytes());
        metadata.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&metadata);
        out.extend(name.as_bytes());
        out.extend(*bytes);
        directory.extend(b"PK\x01\x02\0\0");
        directory.extend(&metadata);
        directory.extend([0; 10]);
        directory.extend(header.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([files.len() as u8, 0, files.len() as u8, 0]);
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
