//! Builds, opens and asks the double of TensorRT.

#![allow(dead_code)]

use crate::support::{self, Headers};
use std::ffi::{CStr, CString, c_char, c_long, c_void};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use unmask_tensorrt::sys::Abi;
use unmask_tensorrt::sys::methods::{ABSENT, PARSER_DELETE, all};
use unmask_tensorrt::{Library, LibraryFiles, Severity};

/// Version number that the double of each interface reports.
fn version(abi: Abi) -> i32 {
    match abi {
        Abi::V10 => 100_300,
        Abi::V11 => 110_400,
        Abi::Rtx => 10_701,
    }
}

/// The compiled doubles; each test opens a copy, so that none sees another's calls.
struct Compiled {
    folder: tempfile::TempDir,
    files: Vec<(Abi, PathBuf)>,
}

static COMPILED: OnceLock<Result<Compiled, String>> = OnceLock::new();

fn compiled() -> &'static Result<Compiled, String> {
    COMPILED.get_or_init(|| {
        let headers = support::has_compiler().and_then(|()| support::headers())?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let source = support::tests_folder().join("double/double.cpp");
        let files = [Abi::V10, Abi::V11, Abi::Rtx].into_iter().map(|abi| {
            let file = folder.path().join(format!("{abi:?}.so"));
            let with_parser = |headers: &&Headers| {
                headers.abi == abi && headers.folder.join("NvOnnxParser.h").exists()
            };
            let headers = headers.iter().rfind(with_parser);
            let number = format!("-DVERSION={}", version(abi));
            let include = format!("-I{}", folder.path().display());
            let mut flags = vec!["-shared", "-fvisibility=default", &number, &include];
            match headers {
                Some(_) => flags.push("-DHEADERS"),
                None => std::fs::write(folder.path().join("slots.h"), slots(abi)).unwrap(),
            }
            if abi == Abi::Rtx {
                flags.push("-DRTX");
            }
            support::compile(&source, headers, &flags, &file);
            (abi, file)
        });
        let files = files.collect();
        Ok(Compiled { folder, files })
    })
}

/// Our own numbers as C++ definitions, where there are no headers.
fn slots(abi: Abi) -> String {
    let mut text = String::new();
    for slot in all().filter(|slot| slot.numbers[abi as usize] != ABSENT) {
        let number = slot.numbers[abi as usize];
        writeln!(text, "#define SLOT_{}_{} {number}", slot.class, slot.method).unwrap();
    }
    writeln!(
        text,
        "#define SLOT_IParser_delete {}",
        PARSER_DELETE[abi as usize]
    )
    .unwrap();
    text
}

/// A double that is open, and its log.
pub struct Double {
    pub abi: Abi,
    pub file: PathBuf,
    library: libloading::Library,
    pub log: Arc<Mutex<Vec<(Severity, String)>>>,
}

impl Double {
    /// A double of `abi`; `None`, with a word about why, where it cannot be compiled.
    pub fn new(abi: Abi, test: &str) -> Option<Self> {
        let compiled = match compiled() {
            Ok(compiled) => compiled,
            Err(reason) => {
                unmask_oracle::skip(test, "c++", reason);
                return None;
            }
        };
        let (_, source) = compiled.files.iter().find(|(of, _)| *of == abi).unwrap();
        let file = compiled.folder.path().join(format!("{test}-{abi:?}.so"));
        std::fs::copy(source, &file).unwrap();
        // SAFETY: the double has no constructors beyond those of its containers.
        let library = unsafe { libloading::Library::new(&file).unwrap() };
        Some(Self {
            abi,
            file,
            library,
            log: Arc::default(),
        })
    }

    /// Runs `test` on a double of each interface.
    pub fn each(name: &str, test: impl Fn(&Self)) {
        for abi in [Abi::V10, Abi::V11, Abi::Rtx] {
            let Some(double) = Self::new(abi, name) else {
                return;
            };
            test(&double);
        }
    }

    /// The double as a library of the binding.
    pub fn open(&self) -> Library {
        self.try_open().unwrap()
    }

    pub fn try_open(&self) -> Result<Library, unmask_tensorrt::OpenError> {
        let log = self.log.clone();
        let files = LibraryFiles {
            core: self.file.clone(),
            parser: self.file.clone(),
            driver: self.file.clone(),
        };
        Library::open(files, move |severity: Severity, text: &str| {
            log.lock().unwrap().push((severity, text.to_owned()));
        })
    }

    /// What was logged since the last call.
    pub fn logged(&self) -> Vec<(Severity, String)> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Changes how the double answers.
    pub fn set(&self, name: &str, value: i64) {
        let name = CString::new(name).unwrap();
        // SAFETY: the double's own function, of this type.
        unsafe {
            let set = self
                .library
                .get::<unsafe extern "C" fn(*const c_char, c_long)>("double_set")
                .unwrap();
            set(name.as_ptr(), value);
        }
    }

    /// The calls since the last time this was asked, one per line.
    pub fn calls(&self) -> Vec<String> {
        // SAFETY: the double's own function; the text is copied before it is asked again.
        let text = unsafe {
            let calls = self
                .library
                .get::<unsafe extern "C" fn() -> *const c_char>("double_calls")
                .unwrap();
            CStr::from_ptr(calls()).to_string_lossy().into_owned()
        };
        text.lines().map(str::to_owned).collect()
    }

    /// What a run of any context of this double does with the addresses that are set.
    pub fn on_enqueue(&self, run: unsafe extern "C" fn(*mut *mut c_void, i32)) {
        type Set = unsafe extern "C" fn(unsafe extern "C" fn(*mut *mut c_void, i32));
        // SAFETY: the double's own function, of this type.
        unsafe { self.library.get::<Set>("double_on_enqueue").unwrap()(run) }
    }
}
