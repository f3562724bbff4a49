//! What can be wrong with training data.

use std::path::PathBuf;

/// Why data could not be read or used: what happened, in which file (and line), and the fix.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder could not be opened or listed.
    #[error("cannot read {path}: {source}; check that the path exists and may be read", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A picture file is damaged, cut short or of an unknown format.
    #[error("cannot decode {path}: {what}; replace the file or remove it with its partner", path = path.display())]
    Decode {
        /// The picture.
        path: PathBuf,
        /// What the decoder said.
        what: String,
    },
    /// A label file does not hold one 8-bit index per pixel.
    #[error("{path} is no label map: {what}; save it as 8-bit greyscale PNG with one class index a pixel", path = path.display())]
    NotLabels {
        /// The label file.
        path: PathBuf,
        /// What it holds instead.
        what: String,
    },
    /// A label value names no class.
    #[error("{path}: label value {value} at column {x}, row {y}; allowed are {allowed}; correct the file or check that the layout is the right one", path = path.display())]
    LabelValue {
        /// The label file, or the sample's name where it comes from memory.
        path: PathBuf,
        /// The value found.
        value: u8,
        /// Column of the first such pixel.
        x: usize,
        /// Row of the first such pixel.
        y: usize,
        /// The values that may stand there.
        allowed: String,
    },
    /// Picture and label map differ in size.
    #[error("{label} is {label_size}, its picture {picture} is {picture_size}; both must have the same size: export one of them again", label = label.display(), picture = picture.display())]
    SizeMismatch {
        /// The picture.
        picture: PathBuf,
        /// Its size.
        picture_size: String,
        /// The label file.
        label: PathBuf,
        /// Its size.
        label_size: String,
    },
    /// A folder holds nothing of use.
    #[error("{path} holds no {wanted}; check the path and the layout", path = path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        wanted: String,
    },
    /// A file has no partner.
    #[error("{path} has no {partner} (looked for {wanted}); add it or remove {path}", path = path.display(), wanted = wanted.display())]
    Partner {
        /// The file that is there.
        path: PathBuf,
        /// What is missing: "label map", "picture".
        partner: &'static str,
        /// Where it was looked for.
        wanted: PathBuf,
    },
    /// Two pictures share a stem, so that one label map would serve both.
    #[error("{first} and {second} share one stem, but a label map can belong to one picture only; remove or rename one", first = first.display(), second = second.display())]
    SameStem {
        /// One of the two.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A line of a text file cannot be used.
    #[error("{path}:{line}: {what}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong and what would be right.
        what: String,
    },
    /// A JSON file is malformed or misses a field.
    #[error("{path}:{line}:{column}: {what}; expected COCO instances JSON (images, annotations, categories)", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser said.
        what: String,
    },
    /// An annotation of a COCO file cannot be used.
    #[error("{path}: annotation {id}: {what}", path = path.display())]
    Annotation {
        /// The file.
        path: PathBuf,
        /// The annotation's id.
        id: u64,
        /// What is wrong and what would be right.
        what: String,
    },
    /// A class to leave out is not in the file.
    #[error("{path} has no category '{name}' to leave out; it has: {known}", path = path.display())]
    UnknownClass {
        /// The annotation file.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The names that are there.
        known: String,
    },
    /// A sample beyond the end.
    #[error("sample {index} asked for, '{dataset}' has {len}")]
    Index {
        /// The data set.
        dataset: String,
        /// The index asked for.
        index: u64,
        /// Number of samples.
        len: u64,
    },
    /// A setting cannot be used.
    #[error("setting {name}: {what}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// What is wrong and what would be right.
        what: String,
    },
    /// The background work of the loader ended without a result.
    #[error("the loader stopped while making batch {step}: {what}")]
    Stopped {
        /// The training step.
        step: u64,
        /// What is known about it.
        what: String,
    },
}

impl DataError {
    /// For `map_err` on file operations.
    pub(super) fn read(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}
