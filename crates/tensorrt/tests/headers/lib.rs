//! Nothing: this package only pins the crate whose source holds the headers.
