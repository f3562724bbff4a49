//! The ONNX parser and its errors.

use crate::error::BuildError;
use crate::library::Library;
use crate::message::without_echoes;
use crate::sys::methods::{self, PARSER_DELETE};
use crate::sys::object::{Object, Owned, text};
use std::ffi::{CString, c_char};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Why a model was not parsed.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The parser could not be made.
    #[error(transparent)]
    Library(BuildError),
    /// The network holds a model already.
    #[error("the network holds a model already; make a new network for each model")]
    Twice,
    /// The path has a zero byte.
    #[error("the model's path has a zero byte")]
    Path,
    /// The parser accepted something that is not a model.
    #[error("no ONNX model: {bytes} bytes without a layer or an output")]
    Empty {
        /// Length of what was given.
        bytes: usize,
    },
    /// The parser refused the model.
    #[error("{}", report(errors, messages))]
    Refused {
        /// Every error of the parser, in its order.
        errors: Vec<NodeError>,
        /// What the library reported besides.
        messages: Vec<String>,
    },
}

impl ParseError {
    pub(crate) fn with_messages(self, said: Vec<String>) -> Self {
        match self {
            Self::Refused { errors, .. } => Self::Refused {
                errors,
                messages: said,
            },
            other => other,
        }
    }

    /// Every error of the parser; empty for other failures.
    pub fn node_errors(&self) -> &[NodeError] {
        match self {
            Self::Refused { errors, .. } => errors,
            _ => &[],
        }
    }
}

/// One line per error.
fn report(errors: &[NodeError], messages: &[String]) -> String {
    if errors.is_empty() {
        let said = messages
            .first()
            .map_or("no reason was given", String::as_str);
        return format!("the parser refused the model: {said}");
    }
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// What kind of error the parser reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParserErrorCode {
    /// 1: a check of the parser or the library failed.
    Internal,
    /// 2: no memory.
    OutOfMemory,
    /// 3: the bytes are no ONNX model.
    Deserialize,
    /// 4: a value is invalid.
    InvalidValue,
    /// 5: the graph is invalid.
    InvalidGraph,
    /// 6: a node is invalid, or invalid for the library.
    InvalidNode,
    /// 7: the graph is not supported.
    UnsupportedGraph,
    /// 8: the operator is not supported.
    UnsupportedNode,
    /// 9: an attribute is not supported.
    UnsupportedAttribute,
    /// 10: an input is not supported.
    UnsupportedInput,
    /// 11: a type is not supported.
    UnsupportedType,
    /// 12: it is not supported with sizes known at run time only.
    UnsupportedDynamic,
    /// 13: a shape is not supported.
    UnsupportedShape,
    /// A number without a name.
    Other(i32),
}

impl ParserErrorCode {
    fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::OutOfMemory,
            3 => Self::Deserialize,
            4 => Self::InvalidValue,
            5 => Self::InvalidGraph,
            6 => Self::InvalidNode,
            7 => Self::UnsupportedGraph,
            8 => Self::UnsupportedNode,
            9 => Self::UnsupportedAttribute,
            10 => Self::UnsupportedInput,
            11 => Self::UnsupportedType,
            12 => Self::UnsupportedDynamic,
            13 => Self::UnsupportedShape,
            other => Self::Other(other),
        }
    }

    /// NVIDIA's number.
    pub fn number(self) -> i32 {
        match self {
            Self::Internal => 1,
            Self::OutOfMemory => 2,
            Self::Deserialize => 3,
            Self::InvalidValue => 4,
            Self::InvalidGraph => 5,
            Self::InvalidNode => 6,
            Self::UnsupportedGraph => 7,
            Self::UnsupportedNode => 8,
            Self::UnsupportedAttribute => 9,
            Self::UnsupportedInput => 10,
            Self::UnsupportedType => 11,
            Self::UnsupportedDynamic => 12,
            Self::UnsupportedShape => 13,
            Self::Other(number) => number,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Internal => "the library refused it",
            Self::OutOfMemory => "out of memory",
            Self::Deserialize => "not an ONNX model, or a damaged one",
            Self::InvalidValue => "invalid value",
            Self::InvalidGraph => "invalid graph",
            Self::InvalidNode => "invalid node",
            Self::UnsupportedGraph => "unsupported graph",
            Self::UnsupportedNode => "unsupported operator",
            Self::UnsupportedAttribute => "unsupported attribute",
            Self::UnsupportedInput => "unsupported input",
            Self::UnsupportedType => "unsupported type",
            Self::UnsupportedDynamic => "unsupported with dynamic sizes",
            Self::UnsupportedShape => "unsupported shape",
            Self::Other(_) => "refused",
        }
    }
}

/// One error of the parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeError {
    /// Its kind.
    pub code: ParserErrorCode,
    /// The parser's own words; often no more than the text of the check that failed.
    pub description: String,
    /// Position of the node in the graph, where the error is about one.
    pub node: Option<usize>,
    /// Name of the node; may be empty.
    pub node_name: String,
    /// Operator of the node; may be empty.
    pub operator: String,
    /// File of the parser's source.
    pub source_file: String,
    /// Line in that file.
    pub source_line: i32,
    /// Function in that file.
    pub source_function: String,
}

impl NodeError {
    /// The description without what says nothing: the bare text of a failed check, and the echo
    /// of the CUDA runtime that follows each error where there is no driver.
    pub fn reason(&self) -> Option<String> {
        let lines: Vec<String> = self.description.lines().map(str::to_owned).collect();
        let lines = without_echoes(lines);
        let text = lines
            .iter()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty());
        let text = text.collect::<Vec<_>>().join(" ");
        (!matches!(text.as_str(), "" | "false")).then_some(text)
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = self.node {
            write!(f, "node {node}")?;
            if !self.node_name.is_empty() {
                write!(f, " `{}`", self.node_name)?;
            }
            if !self.operator.is_empty() {
                write!(f, " ({})", self.operator)?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{} [code {}]", self.code.words(), self.code.number())?;
        match self.reason() {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// A parser that fills one network.
pub(crate) struct Parser {
    parser: Owned,
    library: Library,
}

impl Parser {
    pub(crate) fn new(library: &Library, network: Object) -> Result<Self, BuildError> {
        let entry = library.parser()?;
        // The number is never looked at by the parsers seen; theirs is the honest one to give.
        let version = library.parser_version().unwrap_or(0);
        let logger = library.logger().address();
        // SAFETY: network and logger are live and of this library.
        let address = unsafe { (entry.create)(network.address(), logger, version) };
        let object = Object::new(address).map_err(|_| BuildError::NoObject {
            what: "ONNX parser",
            messages: Vec::new(),
        })?;
        let delete_slot = PARSER_DELETE[library.abi() as usize];
        // SAFETY: the library has just made the parser, for us alone; it has no class behind it,
        // so its destructor stands among its methods.
        let parser = unsafe { Owned::with_delete_slot(object, delete_slot) };
        Ok(Self {
            parser,
            library: library.clone(),
        })
    }

    pub(crate) fn parse(&mut self, model: &[u8], file: Option<&Path>) -> Result<(), ParseError> {
        let path = file
            .map(|file| CString::new(file.as_os_str().as_bytes()))
            .transpose();
        let path = path.map_err(|_| ParseError::Path)?;
        let path_address = path.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
        let (abi, object) = (self.library.abi(), self.parser.get());
        // SAFETY: the parser is live; the bytes are read during the call only.
        let parsed = unsafe {
            methods::parser::parse(
                abi,
                object,
                model.as_ptr().cast(),
                model.len(),
                path_address,
            )
        };
        let errors = self.errors();
        // A parser that says yes and reports errors all the same is not to be trusted with it.
        if parsed && errors.is_empty() {
            return Ok(());
        }
        Err(ParseError::Refused {
            errors,
            messages: Vec::new(),
        })
    }

    fn errors(&self) -> Vec<NodeError> {
        let (abi, parser) = (self.library.abi(), self.parser.get());
        // SAFETY: the parser is live, indices below its count are valid, its errors live as long
        // as it does, and strings are copied at once.
        unsafe {
            let count = methods::parser::error_count(abi, parser);
            let errors = (0..count).filter_map(|index| {
                let error = Object::new(methods::parser::error(abi, parser, index)).ok()?;
                let words = |address: *const c_char| text(address);
                Some(NodeError {
                    code: ParserErrorCode::from_number(methods::parser_error::code(abi, error)),
                    description: words(methods::parser_error::description(abi, error)),
                    node: usize::try_from(methods::parser_error::node(abi, error)).ok(),
                    node_name: words(methods::parser_error::node_name(abi, error)),
                    operator: words(methods::parser_error::node_operator(abi, error)),
                    source_file: words(methods::parser_error::file(abi, error)),
                    source_line: methods::parser_error::line(abi, error),
                    source_function: words(methods::parser_error::function(abi, error)),
                })
            });
            errors.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(description: &str) -> NodeError {
        NodeError {
            code: ParserErrorCode::UnsupportedNode,
            description: description.to_owned(),
            node: Some(3),
            node_name: "/head/Unique".to_owned(),
            operator: "Unique".to_owned(),
            source_file: String::new(),
            source_line: 0,
            source_function: String::new(),
        }
    }

    #[test]
    fn bare_checks_say_nothing() {
        assert_eq!(error("false").reason(), None);
        let text = error("false").to_string();
        assert_eq!(
            text,
            "node 3 `/head/Unique` (Unique): unsupported operator [code 8]"
        );
        assert!(
            error("K is too large")
                .to_string()
                .ends_with("[code 8]: K is too large")
        );
    }

    #[test]
    fn error_codes_have_numbers() {
        for number in 0..20 {
            assert_eq!(ParserErrorCode::from_number(number).number(), number);
        }
    }
}
