//! Allocations of the CPU engine's own run: counted over all threads, and shown apart from what
//! the pipeline costs outside it (`tests/allocations.rs`).

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::path::Path;
use unmask_drive::{Drive, DriveSettings};
use unmask_engine::{Engine, EngineOptions};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FRAMES: u64 = 10;

/// Allocations and bytes of `FRAMES` frames of the shipped model, and the bytes that stayed.
fn count(engine: &mut Engine, picture: &unmask_frame::Picture) -> (usize, usize, isize) {
    let region = Region::new(ALLOCATOR);
    for _ in 0..FRAMES {
        drop(engine.score_at_mask_size(picture, true).unwrap());
    }
    let change = region.change();
    let stayed = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    (
        change.allocations + change.reallocations,
        change.bytes_allocated,
        stayed,
    )
}

#[test]
fn the_engine_gives_back_what_its_run_takes() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/unmask-small.onnx");
    let mut engine = Engine::open(&model, EngineOptions { threads: 1 }).unwrap();
    let picture = Drive::new(DriveSettings::default())
        .unwrap()
        .scene(40)
        .picture;
    count(&mut engine, &picture);
    let (allocations, bytes, stayed) = count(&mut engine, &picture);
    let frames = FRAMES as usize;
    println!(
        "the CPU engine, shipped model: {} allocations, {} KiB a frame",
        allocations / frames,
        bytes / frames / 1024
    );
    assert!(allocations > 0, "the counter does not count");
    // What stays from one frame to the next would fill the memory of a board in a day.
    assert!(
        stayed.unsigned_abs() < 64 * 1024,
        "{stayed} bytes stayed of {FRAMES} frames"
    );
    let again = count(&mut engine, &picture).0;
    assert!(
        again.abs_diff(allocations) <= allocations / 10,
        "{allocations} allocations, then {again}"
    );
}
