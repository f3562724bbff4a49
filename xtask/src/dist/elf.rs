//! Symbols of the C library that a binary requires.

use crate::process::ProcessRunner;
use anyhow::Context;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The newest version of glibc that a symbol of the program needs.
pub fn newest_glibc(runner: &ProcessRunner, program: &Path) -> anyhow::Result<(u32, u32)> {
    let mut readelf = Command::new("readelf");
    readelf.args(["--wide", "--version-info"]).arg(program);
    let shown = runner.output(&mut readelf, Duration::from_secs(60))?;
    newest(&shown).with_context(|| format!("{} asks for no glibc", program.display()))
}

fn newest(shown: &str) -> Option<(u32, u32)> {
    shown
        .split("GLIBC_")
        .skip(1)
        .filter_map(|rest| {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let mut numbers = rest[..end].split('.').map(|number| number.parse().ok());
            Some((numbers.next()??, numbers.next()??))
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn versions_are_compared_as_numbers() {
        let shown = "  0x0010:   Name: GLIBC_2.2.5  Flags: none  Version: 4\n\
                       0x0020:   Name: GLIBC_2.28  Flags: none  Version: 3\n\
                       0x0030:   Name: GLIBC_2.3  Flags: none  Version: 2\n";
        assert_eq!(newest(shown), Some((2, 28)));
        assert_eq!(newest("Name: GLIBC_PRIVATE"), None);
    }
}
