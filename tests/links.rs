//! Relative links in the documentation lead to files that exist.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no documentation of the project's own.
const LEFT_OUT: &[&str] = &["target", ".git", "corpus", "node_modules"];

fn pages(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let entry = entry.expect("a folder can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if path.is_dir() && !LEFT_OUT.contains(&name.as_str()) {
            pages(&path, out);
        } else if name.ends_with(".md") {
            out.push(path);
        }
    }
}

/// Targets of the links of a page, code left out.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut out = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece lies between backquotes.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
        let targets = prose.split("](").skip(1);
        out.extend(targets.filter_map(|rest| rest.split_once(')').map(|(to, _)| to.to_owned())));
    }
    out
}

fn is_relative(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:") && !link.starts_with('#')
}

#[test]
fn relative_links_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    pages(root, &mut found);
    let mut checked = 0;
    let mut broken = Vec::new();
    for page in &found {
        let text = fs::read_to_string(page).expect("a page can be read");
        for link in links(&text).iter().filter(|link| is_relative(link)) {
            let file = link.split('#').next().unwrap_or(link);
            checked += 1;
            if !page
                .parent()
                .expect("a page lies in a folder")
                .join(file)
                .exists()
            {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(checked > 20, "only {checked} links found");
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn links_are_found_outside_code() {
    let text =
        "See [a](a.md#x) and [b](https://b.org).\n```\n[c](c.md)\n```\n`[d](d.md)` [e](e.md)";
    let found = links(text);
    assert_eq!(found, ["a.md#x", "https://b.org", "e.md"]);
    assert!(is_relative(&found[0]) && !is_relative(&found[1]));
}
