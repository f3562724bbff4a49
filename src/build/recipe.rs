//! What is built: a TOML file.

use super::BuildCommandError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use unmask_engine::plan::sha256_hex;
use unmask_frame::{read_regular_text, without_bom};

/// A longer file is no recipe.
const LIMIT_BYTES: u64 = 1 << 20;

/// How a plan is built. Precision is a property of the model's file (`unmask quantize`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRecipe {
    /// ONNX model, relative to the recipe's folder.
    pub model: PathBuf,
    /// How long the builder searches, 0 to 5; TensorRT's default is 3.
    #[serde(default = "default_level")]
    pub optimization_level: u32,
    /// Scratch memory that kernels may use, MiB; the library's choice where absent.
    #[serde(default)]
    pub workspace_mib: Option<u64>,
    /// Memory that the build process may allocate, MiB; unlimited where absent.
    #[serde(default)]
    pub process_memory_mib: Option<u64>,
    /// Core of the deep learning accelerator, with the GPU for what it cannot run; the GPU alone
    /// where absent.
    #[serde(default)]
    pub dla_core: Option<u32>,
    /// GPUs to build for with TensorRT-RTX, 86 for 8.6; this machine's where empty. TensorRT builds
    /// for this machine only.
    #[serde(default)]
    pub compute_capabilities: Vec<u32>,
}

fn default_level() -> u32 {
    3
}

/// A recipe and where it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedRecipe {
    /// What it says.
    pub recipe: BuildRecipe,
    /// The model's file.
    pub model: PathBuf,
    /// SHA-256 of the recipe's text, hexadecimal.
    pub sha256: String,
}

impl BuildRecipe {
    /// Reads the recipe at `path`.
    ///
    /// # Errors
    /// A file that cannot be read; the line of the first key or value that is wrong.
    pub fn read(path: &Path) -> Result<LoadedRecipe, BuildCommandError> {
        let text =
            read_regular_text(path, LIMIT_BYTES).map_err(|source| BuildCommandError::Read {
                what: "the recipe",
                path: path.to_path_buf(),
                source,
            })?;
        let recipe = Self::parse(without_bom(&text), path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(LoadedRecipe {
            model: folder.join(&recipe.model),
            recipe,
            sha256: sha256_hex(text.as_bytes()),
        })
    }

    fn parse(text: &str, path: &Path) -> Result<Self, BuildCommandError> {
        let refuse = |line, reason| BuildCommandError::Recipe {
            path: path.to_path_buf(),
            line,
            reason,
        };
        let recipe: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..at]
                .iter()
                .filter(|&&b| b == b'\n')
                .count();
            refuse(
                line,
                error.message().trim_end_matches('.').replace('\n', ", "),
            )
        })?;
        let line_of = |key: &str| {
            let of_key = |line: &str| line.trim_start().starts_with(key);
            1 + text.lines().position(of_key).unwrap_or(0)
        };
        let most = unmask_tensorrt::MAX_OPTIMIZATION_LEVEL;
        if recipe.optimization_level > most {
            let reason = format!("optimization_level: wanted 0 to {most}");
            return Err(refuse(line_of("optimization_level"), reason));
        }
        for (key, value) in [
            ("workspace_mib", recipe.workspace_mib),
            ("process_memory_mib", recipe.process_memory_mib),
        ] {
            if value.is_some_and(|mib| mib == 0 || mib > 1 << 20) {
                let reason = format!("{key}: wanted 1 to 1048576");
                return Err(refuse(line_of(key), reason));
            }
        }
        if let Some(wrong) = recipe
            .compute_capabilities
            .iter()
            .find(|capability| !(50..=200).contains(*capability))
        {
            let reason = format!("compute_capabilities: {wrong}: wanted such as 87 for 8.7");
            return Err(refuse(line_of("compute_capabilities"), reason));
        }
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = BuildRecipe::parse(text, Path::new("r.toml")).unwrap_err();
        error.to_string()
    }

    #[test]
    fn recipe_needs_a_model_only() {
        let recipe = BuildRecipe::parse("model = \"m.onnx\"", Path::new("r.toml")).unwrap();
        assert_eq!((recipe.optimization_level, recipe.workspace_mib), (3, None));
        assert!(refused("").contains("model"));
    }

    #[test]
    fn wrong_keys_and_values_are_named_with_their_line() {
        let first = "model = \"m.onnx\"\n";
        for (line, words) in [
            ("precision = \"int8\"", "unknown field `precision`"),
            ("optimization_level = 6", "wanted 0 to 5"),
            ("workspace_mib = 0", "workspace_mib: wanted 1"),
            (
                "process_memory_mib = 9000000",
                "process_memory_mib: wanted 1",
            ),
            ("compute_capabilities = [8]", "87 for 8.7"),
            ("dla_core = -1", "invalid value"),
        ] {
            let text = refused(&format!("{first}{line}\n"));
            assert!(
                text.starts_with("r.toml, line 2: ") && text.contains(words),
                "{text}"
            );
        }
    }

    #[test]
    fn model_lies_next_to_the_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        std::fs::write(&path, "\u{feff}model = \"sub/m.onnx\"\n").unwrap();
        let loaded = BuildRecipe::read(&path).unwrap();
        assert_eq!(loaded.model, folder.path().join("sub/m.onnx"));
        assert_eq!(loaded.sha256.len(), 64);
        let error = BuildRecipe::read(&folder.path().join("none.toml")).unwrap_err();
        assert!(matches!(error, BuildCommandError::Read { .. }));
    }
}
