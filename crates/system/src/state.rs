//! Where state is kept.

use std::ffi::OsString;
use std::path::PathBuf;

/// The folder, by the environment that `variable` reads.
pub(crate) fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = |key: &str| variable(key).filter(|value| !value.is_empty());
    // systemd may name several, with colons between them.
    let first = |all: OsString| {
        let text = all.to_string_lossy().into_owned();
        PathBuf::from(text.split(':').next().unwrap_or_default())
    };
    named("STATE_DIRECTORY")
        .map(first)
        .or_else(|| named("XDG_STATE_HOME").map(|home| PathBuf::from(home).join("unmask")))
        .or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".local/state/unmask")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(set: &[(&str, &str)]) -> Option<PathBuf> {
        folder(|key| {
            let found = set.iter().find(|(name, _)| *name == key);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn systemd_comes_before_the_user() {
        let home = ("HOME", "/home/a");
        let all = [("STATE_DIRECTORY", "/s/one:/s/two"), home];
        assert_eq!(folder_of(&all), Some("/s/one".into()));
        let all = [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "/x"), home];
        assert_eq!(folder_of(&all), Some("/x/unmask".into()));
        assert_eq!(
            folder_of(&[home]),
            Some("/home/a/.local/state/unmask".into())
        );
        assert_eq!(folder_of(&[]), None);
    }
}
