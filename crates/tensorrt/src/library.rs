//! Finding and opening the libraries.

use crate::driver::{Driver, DriverError};
use crate::error::BuildError;
use crate::log::{Log, Severity};
use crate::message;
use crate::sys::Abi;
use crate::sys::entry;
use crate::sys::interface::{LogSink, Logger, Recorder};
use crate::version::Version;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why no library could be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No file of the known names could be opened.
    #[error(
        "no TensorRT library found; tried {}; install TensorRT 10 or 11 (on Jetson: JetPack 6 or later), or name its folder",
        list(tried)
    )]
    NotFound {
        /// Each file with the loader's reason.
        tried: Vec<(PathBuf, String)>,
    },
    /// A file is no TensorRT library.
    #[error("{}: not a TensorRT library: {reason}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// The loader's reason.
        reason: String,
    },
    /// The library is of a version whose interface is not known.
    #[error(
        "{}: {found} is not supported; TensorRT 10.1 to 11 and TensorRT-RTX 1.5 to 1.x are",
        file.display()
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// What the library reports.
        found: String,
    },
}

fn list(tried: &[(PathBuf, String)]) -> String {
    let each = tried
        .iter()
        .map(|(file, reason)| format!("{} ({reason})", file.display()));
    each.collect::<Vec<_>>().join(", ")
}

/// File names of one product's libraries, by major version. Only versioned names: the name
/// without a number belongs to the development package and may be missing or newer.
const NAMES: [(&str, &str); 3] = [
    ("libnvinfer.so.11", "libnvonnxparser.so.11"),
    ("libnvinfer.so.10", "libnvonnxparser.so.10"),
    ("libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1"),
];

/// The files of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryFiles {
    /// The main library: builder and runtime, or a lean runtime.
    pub core: PathBuf,
    /// The ONNX parser.
    pub parser: PathBuf,
    /// The CUDA driver.
    pub driver: PathBuf,
}

impl LibraryFiles {
    /// The files that are looked for, in order, in `folder` or where the loader looks.
    pub fn candidates(folder: Option<&Path>) -> Vec<Self> {
        let place = |name: &str| match folder {
            Some(folder) => folder.join(name),
            None => PathBuf::from(name),
        };
        let files = NAMES.iter().map(|(core, parser)| Self {
            core: place(core),
            parser: place(parser),
            driver: Driver::file(),
        });
        files.collect()
    }
}

/// An opened library. Cloning is cheap. The files stay open until the process ends.
#[derive(Clone)]
pub struct Library {
    shared: Arc<Shared>,
}

struct Shared {
    files: LibraryFiles,
    core: entry::Core,
    /// The parser, or why it could not be opened.
    parser: Result<entry::Parser, String>,
    version: Version,
    abi: Abi,
    logger: &'static Logger,
    /// What `logger` passes messages to, for as long as this lives.
    sink: Arc<LogSink>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shared { files, version, .. } = &*self.shared;
        f.debug_struct("Library")
            .field("version", version)
            .field("files", files)
            .finish()
    }
}

impl Library {
    /// Opens the newest library that the loader finds, or that lies in `folder`.
    ///
    /// A library that is there but cannot be used is an error and not passed over: the user who
    /// installed 11 wants to know why it is not the one that runs.
    pub fn find(folder: Option<&Path>, log: impl Log) -> Result<Self, OpenError> {
        let mut tried = Vec::new();
        for files in LibraryFiles::candidates(folder) {
            match entry::Core::open(&files.core) {
                Ok(core) => return Self::with_core(files, core, Box::new(log)),
                Err(error) => {
                    let reason = reason(&error);
                    if !is_missing(&files.core, &reason) {
                        return Err(OpenError::Foreign {
                            file: files.core,
                            reason,
                        });
                    }
                    tried.push((files.core, reason));
                }
            }
        }
        Err(OpenError::NotFound { tried })
    }

    /// Opens the given files.
    pub fn open(files: LibraryFiles, log: impl Log) -> Result<Self, OpenError> {
        match entry::Core::open(&files.core) {
            Ok(core) => Self::with_core(files, core, Box::new(log)),
            Err(error) => Err(OpenError::Foreign {
                file: files.core,
                reason: reason(&error),
            }),
        }
    }

    fn with_core(
        files: LibraryFiles,
        core: entry::Core,
        log: Box<dyn Log>,
    ) -> Result<Self, OpenError> {
        // SAFETY: the function takes nothing and only returns a number.
        let number = unsafe { (core.version)() };
        let version = Version::from_number(number);
        let Some((version, abi)) = version.and_then(|version| Some((version, version.abi()?)))
        else {
            let found = version.map_or(format!("version number {number}"), |v| v.to_string());
            return Err(OpenError::Version {
                file: files.core,
                found,
            });
        };
        let parser = entry::Parser::open(&files.parser).map_err(|error| reason(&error));
        let sink: Arc<LogSink> = Arc::new(move |severity, message: &str| {
            log.log(Severity::from_number(severity), message);
        });
        let logger = Logger::of_library(core.version as usize, abi, &sink);
        let shared = Shared {
            files,
            core,
            parser,
            version,
            abi,
            logger,
            sink,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// What the library reports about itself.
    pub fn version(&self) -> Version {
        self.shared.version
    }

    /// The files that were opened.
    pub fn files(&self) -> &LibraryFiles {
        &self.shared.files
    }

    /// Whether plans can be built: a lean runtime has no builder.
    pub fn has_builder(&self) -> bool {
        self.shared.core.create_builder.is_some()
    }

    /// The version of the ONNX parser, 200 for 0.2.0, where it was found and tells.
    pub fn parser_version(&self) -> Option<i32> {
        let version = self.shared.parser.as_ref().ok()?.version?;
        // SAFETY: the function takes nothing and only returns a number.
        Some(unsafe { version() })
    }

    /// `cuInit`, before TensorRT does it: without a driver, TensorRT 10 and 11 return an object
    /// that crashes when it is used.
    pub(crate) fn initialise_driver(&self) -> Result<Driver, DriverError> {
        Driver::initialise_file(&self.files().driver)
    }

    pub(crate) fn abi(&self) -> Abi {
        self.shared.abi
    }

    /// The entry points of the main library.
    pub(crate) fn core(&self) -> &entry::Core {
        &self.shared.core
    }

    pub(crate) fn logger(&self) -> &'static Logger {
        self.shared.logger
    }

    /// An error recorder that passes errors on to this library's log.
    pub(crate) fn recorder(&self) -> Box<Recorder> {
        Recorder::new(self.shared.sink.clone())
    }

    pub(crate) fn parser(&self) -> Result<&entry::Parser, BuildError> {
        self.shared
            .parser
            .as_ref()
            .map_err(|reason| BuildError::NoParser {
                file: self.files().parser.clone(),
                reason: reason.clone(),
            })
    }

    /// The number of [`Version`] as the library counts, which its functions want back.
    pub(crate) fn version_number(&self) -> i32 {
        // SAFETY: the function takes nothing and only returns a number.
        unsafe { (self.shared.core.version)() }
    }
}

/// Whether the loader did not find `file` itself, rather than something that the file needs.
fn is_missing(file: &Path, reason: &str) -> bool {
    let prefix = format!("{}: cannot open shared object file", file.display());
    reason.contains(&prefix) && reason.contains("No such file")
}

/// The loader's own words.
fn reason(error: &libloading::Error) -> String {
    message::chain(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versioned_names_are_opened() {
        let files = LibraryFiles::candidates(Some(Path::new("/opt/trt")));
        assert_eq!(files.len(), 3);
        for LibraryFiles { core, parser, .. } in files {
            for name in [core, parser] {
                let extension = name.extension().unwrap().to_str().unwrap();
                assert!(extension.parse::<u32>().is_ok(), "{}", name.display());
            }
        }
    }

    #[test]
    fn missing_library_lists_what_was_tried() {
        let folder = tempfile::tempdir().unwrap();
        let error = Library::find(Some(folder.path()), |_: Severity, _: &str| {}).unwrap_err();
        let text = error.to_string();
        for name in [
            "libnvinfer.so.11",
            "libnvinfer.so.10",
            "libtensorrt_rtx.so.1",
            "JetPack",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn junk_library_is_named_not_skipped() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libnvinfer.so.10"), "junk").unwrap();
        let error = Library::find(Some(folder.path()), |_: Severity, _: &str| {}).unwrap_err();
        assert!(matches!(&error, OpenError::Foreign { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("libnvinfer.so.10: not a TensorRT library"),
            "{error}"
        );
    }

    #[test]
    fn foreign_library_is_refused() {
        let files = LibraryFiles {
            core: "libc.so.6".into(),
            parser: "libc.so.6".into(),
            driver: Driver::file(),
        };
        let error = Library::open(files, |_: Severity, _: &str| {}).unwrap_err();
        assert!(error.to_string().contains("getInferLibVersion"), "{error}");
    }
}
