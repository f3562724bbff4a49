//! Small files in which Linux reports one value.

use std::path::Path;

/// A file's text without white space around it; `None` where it cannot be read or is empty.
pub(super) fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?.trim().to_string();
    (!text.is_empty()).then_some(text)
}
