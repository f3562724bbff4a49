//! The serial port, on which the board reports.

use board_guest::{MARK, ReportLine};
use std::io::Write;

/// Writes a line of the board's own on the serial port.
pub fn report(line: &ReportLine) {
    if let Ok(json) = serde_json::to_string(line) {
        let mut out = std::io::stdout().lock();
        // With the port gone there is nobody left to tell.
        let _ = write!(out, "\n{MARK}{json}\n").and_then(|()| out.flush());
    }
}
