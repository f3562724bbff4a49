//! The raw layer: entry points, objects, virtual tables. Nothing here checks anything.
//!
//! TensorRT has a C++ interface and three C functions. A public C++ object is two pointers: its
//! own virtual table and `mImpl`, an object of an internal class whose virtual methods are the
//! interface. The C++ headers only forward to them, so calling through the table needs no header;
//! what is needed is the number of each method, which is fixed within a major version (new methods
//! are appended). [`methods`] lists those numbers; `tests/slots.rs` compares them with NVIDIA's
//! own class definitions.

pub(crate) mod entry;
pub(crate) mod interface;
pub mod methods;
pub(crate) mod object;

pub use methods::Abi;
pub use object::{Dims, Object};
