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
fn main() {
    if std::process::id() != 1 {
        eprintln!("this is the init of a virtual board: `cargo xtask board` starts it there");
        std::process::exit(1);
    }
    board::run();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this is the init of a virtual board: it is a Linux program");
    std::process::exit(1);
}
