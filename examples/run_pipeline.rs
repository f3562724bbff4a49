//! Runs the pipeline on a synthetic drive and prints what it came to.
//!
//! `cargo run --release --example run_pipeline -- [SEED] [ALERTS.jsonl]`

use std::path::PathBuf;
use unmask::config::RunConfig;
use unmask::pipeline::RunEvent;
use unmask::runner::{AlertOutput, RunBuilder};
use unmask::sink::SinkUri;
use unmask::source::SourceUri;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let alerts = match arguments.next() {
        Some(file) => AlertOutput::Sinks(vec![SinkUri::File(PathBuf::from(file))]),
        None => AlertOutput::Discard,
    };
    let run = RunBuilder::new(SourceUri::Synthetic(seed), RunConfig::default())
        .frames(Some(50))
        .alerts(alerts)
        .build()?;
    let mut bad = 0;
    let finished = run.execute(Default::default(), &mut |event| {
        bad += u64::from(matches!(event, RunEvent::Bad(_)));
    })?;
    print!("{}", finished.table());
    println!("{} alerts, {bad} bad frames", finished.summary().alerts);
    Ok(())
}
