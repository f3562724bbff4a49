//! How a subcommand ended, and text that is safe to print.

/// How a verb that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Clean,
    /// The run ended, but some inputs were bad; they were counted and named on stderr.
    SomeBadInputs,
}

/// `text` on one line, with nothing in it that a terminal would obey: errors quote names out of
/// files that anyone may have written.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(plain("a `b\n\u{1b}[2J` é"), "a `b\\n\\u{1b}[2J` é");
    }
}
