//! The `unmask` binary: everything it does is in the library.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    unmask::cli::main()
}
