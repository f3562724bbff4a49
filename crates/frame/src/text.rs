//! Escapes text from files and devices for logs.

use std::borrow::Cow;

/// `text` on one line, with nothing in it that a terminal, a journal or a reader's eye would obey:
/// line feeds, escape sequences and marks that turn the direction of writing round are written out
/// (`\n`, `\u{1b}`, `\u{202e}`). Names and reasons quote what anyone may have written.
pub fn escape_control(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_obeyed(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether something happens where `c` is printed, other than that it is seen.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_obeyed_is_written_out() {
        let cases = [
            ("a `b\n\u{1b}[2J` é", "a `b\\n\\u{1b}[2J` é"),
            ("x\r\t\u{7f}\u{9b}31m", "x\\r\\t\\u{7f}\\u{9b}31m"),
            ("gpj.\u{202e}exe\u{2028}", "gpj.\\u{202e}exe\\u{2028}"),
            ("\u{feff}first", "\\u{feff}first"),
            ("Straße 12, 道路 🚧", "Straße 12, 道路 🚧"),
        ];
        for (text, want) in cases {
            assert_eq!(escape_control(text), want);
        }
        assert!(matches!(escape_control("plain"), Cow::Borrowed(_)));
    }
}
