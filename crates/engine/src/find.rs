//! Finds the shipped model.

use std::path::{Path, PathBuf};

/// File name of the shipped model, under `engines/`.
const SHIPPED: &str = "engines/unmask-small.onnx";

/// Name of the environment variable that names a model.
const VARIABLE: &str = "UNMASK_MODEL";

/// No model was given and none was found.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error(
    "no model given, and no shipped one found. Looked at: {}. Give one with --model FILE.onnx, or \
     set {VARIABLE}", .searched.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
)]
pub struct ModelNotFound {
    /// Every place looked at, in order.
    pub searched: Vec<PathBuf>,
}

/// The model to use where the user gave none.
///
/// `$UNMASK_MODEL` where set (then nothing else counts); else the first that exists of
/// `engines/unmask-small.onnx` below the current folder, below the folder of the executable,
/// below the two folders above it (a cargo build folder, or `bin/` next to `engines/`), and below
/// `/usr/share/unmask`.
///
/// # Errors
/// None of them exists; the error lists them.
pub fn find_model() -> Result<PathBuf, ModelNotFound> {
    let named = std::env::var_os(VARIABLE).filter(|v| !v.is_empty());
    let exe = std::env::current_exe().ok();
    first_of(candidates(named.map(PathBuf::from), exe.as_deref()))
}

fn candidates(named: Option<PathBuf>, exe: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named];
    }
    let above = exe
        .into_iter()
        .flat_map(|exe| exe.ancestors().skip(1).take(3));
    std::iter::once(PathBuf::from("."))
        .chain(above.map(Path::to_path_buf))
        .chain(std::iter::once(PathBuf::from("/usr/share/unmask")))
        .map(|folder| folder.join(SHIPPED))
        .collect()
}

fn first_of(searched: Vec<PathBuf>) -> Result<PathBuf, ModelNotFound> {
    match searched.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(ModelNotFound { searched }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_alone_counts_where_set() {
        let only = candidates(Some("/a/b.onnx".into()), Some(Path::new("/x/y/unmask")));
        assert_eq!(only, [PathBuf::from("/a/b.onnx")]);
    }

    #[test]
    fn places_come_in_order_and_the_error_lists_them() {
        let all = candidates(None, Some(Path::new("/x/target/release/unmask")));
        let shown: Vec<_> = all.iter().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(
            shown,
            [
                "./engines/unmask-small.onnx",
                "/x/target/release/engines/unmask-small.onnx",
                "/x/target/engines/unmask-small.onnx",
                "/x/engines/unmask-small.onnx",
                "/usr/share/unmask/engines/unmask-small.onnx",
            ]
        );
        let folder = tempfile::tempdir().unwrap();
        let (gone, here) = (folder.path().join("gone"), folder.path().join("here"));
        std::fs::write(&here, "").unwrap();
        assert_eq!(first_of(vec![gone.clone(), here.clone()]).unwrap(), here);
        let error = first_of(vec![gone.clone()]).unwrap_err().to_string();
        assert!(
            error.contains(gone.to_str().unwrap()) && error.contains("--model"),
            "{error}"
        );
    }
}
