//! What a package installs, and where: the one list that the `.deb` and the virtual board share.

use std::path::Path;

/// One file of the package.
pub struct Entry {
    /// File below the repository; the program and what is made from its command line have none.
    pub source: &'static str,
    /// Where it goes.
    pub target: &'static str,
}

const fn entry(source: &'static str, target: &'static str) -> Entry {
    Entry { source, target }
}

/// Where the program goes.
pub const PROGRAM: &str = "/usr/bin/unmask";

/// What the user edits: kept by upgrades.
pub const CONFFILES: [&str; 1] = ["/etc/unmask/unmask.toml"];

/// All files but the program, its pages and its completions.
pub const FILES: [Entry; 14] = [
    entry(
        "systemd/unmask.service",
        "/usr/lib/systemd/system/unmask.service",
    ),
    entry(
        "systemd/unmask-build.service",
        "/usr/lib/systemd/system/unmask-build.service",
    ),
    entry("systemd/sysusers.conf", "/usr/lib/sysusers.d/unmask.conf"),
    entry("systemd/tmpfiles.conf", "/usr/lib/tmpfiles.d/unmask.conf"),
    entry(
        "systemd/udev.rules",
        "/usr/lib/udev/rules.d/70-unmask.rules",
    ),
    entry("systemd/unmask.toml", "/etc/unmask/unmask.toml"),
    entry(
        "engines/unmask-small.onnx",
        "/usr/share/unmask/engines/unmask-small.onnx",
    ),
    entry(
        "engines/unmask-small.toml",
        "/usr/share/unmask/engines/unmask-small.toml",
    ),
    entry(
        "engines/unmask-small.plan.toml",
        "/usr/share/unmask/engines/unmask-small.plan.toml",
    ),
    entry(
        "engines/per-pixel-small.toml",
        "/usr/share/unmask/engines/per-pixel-small.toml",
    ),
    entry(
        "calibration/unmask-small.toml",
        "/usr/share/unmask/calibration/unmask-small.toml",
    ),
    entry("engines/README.md", "/usr/share/doc/unmask/engines.md"),
    entry("systemd/README.md", "/usr/share/doc/unmask/service.md"),
    entry(
        "docs/schema/unmask.alert-1.json",
        "/usr/share/unmask/schema/unmask.alert-1.json",
    ),
];

/// Mode of an installed file.
pub fn mode(target: &str) -> u32 {
    if Path::new(target).starts_with("/usr/bin") {
        0o755
    } else {
        0o644
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The directives below `[Service]` that shut something out, in the order of the file.
    fn hardening(unit: &str) -> Vec<String> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let text = std::fs::read_to_string(repository.join("systemd").join(unit)).unwrap();
        let from = text.find("NoNewPrivileges").unwrap();
        let to = text.find("[Install]").unwrap_or(text.len());
        text[from..to]
            .lines()
            .filter(|line| !line.is_empty())
            .map(String::from)
            .collect()
    }

    #[test]
    fn both_units_shut_out_the_same() {
        let watch = hardening("unmask.service");
        assert!(watch.len() > 20, "{watch:?}");
        assert_eq!(hardening("unmask-build.service"), watch);
    }

    #[test]
    fn every_file_is_there_and_goes_to_a_place_of_its_own() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut targets = BTreeSet::from([PROGRAM]);
        for entry in &FILES {
            assert!(repository.join(entry.source).is_file(), "{}", entry.source);
            assert!(targets.insert(entry.target), "{} twice", entry.target);
        }
        assert!(CONFFILES.iter().all(|file| targets.contains(file)));
    }
}
