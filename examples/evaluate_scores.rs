//! Evaluates saved score maps: `cargo run --example evaluate_scores SCORES LABELS`.

use std::path::Path;
use unmask_eval::dataset::saved_scores;
use unmask_eval::{EvalOptions, evaluate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scores, labels] = arguments.as_slice() else {
        return Err("wanted two arguments: SCORES LABELS (folders)".into());
    };
    let (pairs, bad) = saved_scores(Path::new(scores), Path::new(labels))?;
    for picture in &bad {
        eprintln!("{}: {}", picture.name, picture.problem);
    }
    let report = evaluate(&pairs, &EvalOptions::default(), &|_| ())?;
    println!("{} pictures: {:?}", report.images, report.pixels);
    Ok(())
}
