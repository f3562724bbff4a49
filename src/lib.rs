//! **unmask** tells a vehicle or a road-side mast that something is on the road that does not
//! belong there. It implements Mask2Anomaly (arXiv 2307.13316) from exported model to alert.
//!
//! Data flows one way through the rooms, in the order [`pipeline`] gives them:
//! `camera → engine → score → alert → sink`, with `budget` beside them and `view` at the end.
//! Shared words (frames, maps, times) live in [`frame`], which imports no other room.
#![forbid(unsafe_code)]

pub mod alert;
pub mod budget;
pub mod camera;
pub mod cli;
pub mod drive;
pub mod engine;
pub mod eval;
pub mod frame;
pub mod graph;
pub mod health;
pub mod pipeline;
pub mod score;
pub mod sink;
pub mod view;
