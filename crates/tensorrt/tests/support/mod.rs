//! Finding NVIDIA's C++ headers and compiling against them.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use unmask_tensorrt::sys::Abi;

/// Headers of one version.
#[derive(Clone, Debug)]
pub struct Headers {
    pub folder: PathBuf,
    /// Where `cuda_runtime_api.h` lies.
    pub cuda: PathBuf,
    pub abi: Abi,
    pub name: String,
    /// Major and minor version.
    pub version: (u32, u32),
}

/// More folders with headers, separated by colons: of a Jetson, or of a checkout of NVIDIA's.
const MORE_HEADERS: &str = "UNMASK_TENSORRT_HEADERS";

/// The folder of this file's crate's tests; tests of the workspace's root use this file, too.
pub fn tests_folder() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let of_root = package.join("crates/tensorrt/tests");
    match of_root.is_dir() {
        true => of_root,
        false => package.join("tests"),
    }
}

/// Every set of headers at hand, or why there is none.
pub fn headers() -> Result<Vec<Headers>, String> {
    let manifest = tests_folder().join("headers/Cargo.toml");
    // A manifest of its own, so that the product's lock file has nothing of this crate. Its
    // packages are fetched once, none is built.
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(&manifest)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata: no packages")?;
    let package = packages
        .iter()
        .find(|package| package["name"] == "trtx-sys");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let root = Path::new(manifest.ok_or("cargo metadata: no trtx-sys")?)
        .parent()
        .unwrap();
    let root = root.join("TensorRT-Headers");

    let mut all = Vec::new();
    for (folder, abi, version) in [
        ("TRT-Enterprise-11.4", Abi::V11, (11, 4)),
        ("TRT-RTX-1.5", Abi::Rtx, (1, 5)),
        ("TRT-RTX-1.6", Abi::Rtx, (1, 6)),
        ("TRT-RTX-1.7", Abi::Rtx, (1, 7)),
    ] {
        let name = folder.trim_start_matches("TRT-").to_owned();
        let folder = root.join(folder);
        all.push(Headers {
            folder,
            cuda: root.clone(),
            abi,
            name,
            version,
        });
    }
    let more = std::env::var(MORE_HEADERS).unwrap_or_default();
    for folder in more
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
    {
        let text = std::fs::read_to_string(folder.join("NvInferVersion.h"))
            .unwrap_or_else(|error| panic!("{MORE_HEADERS}: {}: {error}", folder.display()));
        let number = |part: &str| {
            let names = [
                format!("TRT_{part}_ENTERPRISE "),
                format!("NV_TENSORRT_{part} "),
            ];
            names.iter().find_map(|name| {
                let (_, rest) = text.split_once(&format!("#define {name}"))?;
                rest.split_whitespace().next()?.parse::<u32>().ok()
            })
        };
        let version = (number("MAJOR").unwrap(), number("MINOR").unwrap());
        let abi = match version.0 {
            10 => Abi::V10,
            11 => Abi::V11,
            other => panic!(
                "{MORE_HEADERS}: {}: major version {other}",
                folder.display()
            ),
        };
        let name = format!("{}", folder.display());
        all.push(Headers {
            folder,
            cuda: root.clone(),
            abi,
            name,
            version,
        });
    }
    Ok(all)
}

/// The C++ compiler with what every file here needs.
fn compiler() -> Result<Command, String> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(1)
        .pic(true)
        .cargo_metadata(false)
        .warnings(false);
    build.target(&triple).host(&triple).flag("-w");
    let compiler = build
        .try_get_compiler()
        .map_err(|error| error.to_string())?;
    let command = compiler.to_command();
    match Command::new(command.get_program())
        .arg("--version")
        .output()
    {
        Ok(_) => Ok(command),
        Err(error) => Err(format!("{}: {error}", command.get_program().display())),
    }
}

/// Whether a C++ compiler is there; the reason where it is not.
pub fn has_compiler() -> Result<(), String> {
    compiler().map(|_| ())
}

/// Compiles `source` to `output` with `flags`.
pub fn compile(source: &Path, headers: Option<&Headers>, flags: &[&str], output: &Path) {
    let mut command = compiler().unwrap();
    if let Some(headers) = headers {
        command
            .arg("-I")
            .arg(&headers.folder)
            .arg("-I")
            .arg(&headers.cuda);
    }
    let result = command
        .args(flags)
        .arg(source)
        .arg("-o")
        .arg(output)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{}:\n{said}", source.display());
}

/// Every set of headers and a compiler for them; `None` where `test` is skipped for want of one.
pub fn headers_to_compile(test: &str) -> Option<Vec<Headers>> {
    match has_compiler().and_then(|()| headers()) {
        Ok(headers) => Some(headers),
        Err(reason) => {
            unmask_oracle::skip(test, "c++", reason);
            None
        }
    }
}

/// The C++ expression for a method of NVIDIA's: overloaded ones need their type.
pub fn member(class: &str, method: &str) -> String {
    let space = match class.starts_with("IParser") {
        true => "nvonnxparser",
        false => "nvinfer1::apiv",
    };
    let pointer = format!("&{space}::{class}::{method}");
    match (class, method) {
        ("VRuntime", "deserializeCudaEngine") => format!(
            "static_cast<nvinfer1::ICudaEngine* ({space}::VRuntime::*)(void const*, std::size_t) \
             noexcept>({pointer})"
        ),
        _ => pointer,
    }
}
