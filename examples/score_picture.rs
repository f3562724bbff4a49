//! Scores one picture and writes its anomaly map: `cargo run --example score_picture PICTURE MAP.npy`.

use std::path::Path;
use unmask_engine::{Engine, EngineOptions, find_model};
use unmask_frame::read_picture;
use unmask_score::npy;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [picture, map] = arguments.as_slice() else {
        return Err("wanted two arguments: PICTURE MAP.npy".into());
    };
    let mut engine = Engine::open(&find_model()?, EngineOptions { threads: 0 })?;
    let picture = read_picture(Path::new(picture))?;
    let scores = engine.score(&picture, true)?;
    let highest = scores.data().iter().copied().fold(f32::MIN, f32::max);
    npy::write(Path::new(map), &scores)?;
    println!("{} written; the highest score is {highest:.3}", map);
    Ok(())
}
