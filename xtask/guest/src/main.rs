//! The virtual board's init: brings the camera's driver up, runs the suite, switches off.

#[cfg(target_os = "linux")]
mod board;
#[cfg(target_os = "linux")]
mod pictures;
#[cfg(target_os = "linux")]
mod serial;
#[cfg(target_os = "linux")]
mod suite;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
mod video;

#[cfg(target_os = "linux")]
use board_guest::{NAP, PROBE, RULES_PROBE, SERVICE_SUITE};

#[cfg(target_os = "linux")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        // The kernel may hand its own words to the init.
        _ if std::process::id() == 1 => board::run(),
        Some((task, [])) if task == SERVICE_SUITE => board::run_service(),
        Some((task, [file, devices @ ..])) if task == PROBE => suite::probe(file, devices),
        Some((task, [file])) if task == RULES_PROBE => suite::probe_rules(file),
        Some((task, [seconds])) if task == NAP => nap(seconds),
        _ => {
            eprintln!("this is the init of a virtual board: `cargo xtask board` starts it there");
            std::process::exit(1);
        }
    }
}

/// What a unit of a case starts in the place of work that takes its time.
#[cfg(target_os = "linux")]
fn nap(seconds: &str) {
    let seconds = seconds.parse().unwrap_or(0);
    std::thread::sleep(std::time::Duration::from_secs(seconds));
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this is the init of a virtual board: it is a Linux program");
    std::process::exit(1);
}
