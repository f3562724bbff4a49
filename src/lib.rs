//! **unmask** detects objects on the road that do not belong there and alerts the vehicle or the
//! road-side mast. It implements Mask2Anomaly (arXiv 2307.13316) from exported model to alert.
//!
//! Frames go one way, in the order that [`pipeline`] gives:
//! `source → engine → decide → sink`, with `budget` and `health` alongside and `view` at the end.
//! [`runner`] assembles a run from a
//! [`config`].
//! The layers below are crates of their own (`crates/`); `docs/architecture.md` draws them.
#![forbid(unsafe_code)]

pub mod budget;
pub mod build;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod health;
pub mod pipeline;
pub mod runner;
pub mod sink;
pub mod source;
pub mod view;
