//! Relative links in the documentation lead to files and headings that exist, and every page is
//! reached from the README.

use std::collections::{BTreeMap, BTreeSet};
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

/// What GitHub calls the headings of a page in links.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut out = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name: String = title.trim().to_lowercase().chars().filter(kept).collect();
        out.insert(name.replace(' ', "-"));
    }
    out
}

/// The file or folder that `link` on `page` leads to, without `..` and `.`, and the heading.
fn target(page: &Path, link: &str) -> (PathBuf, Option<String>) {
    let (file, heading) = match link.split_once('#') {
        Some((file, heading)) => (file, Some(heading.to_owned())),
        None => (link, None),
    };
    if file.is_empty() {
        return (page.to_owned(), heading);
    }
    let folder = page.parent().expect("a page lies in a folder");
    let mut path = PathBuf::new();
    for part in folder.join(file).components() {
        match part {
            std::path::Component::ParentDir => drop(path.pop()),
            std::path::Component::CurDir => {}
            part => path.push(part),
        }
    }
    (path, heading)
}

fn texts() -> BTreeMap<PathBuf, String> {
    let mut found = Vec::new();
    pages(Path::new(env!("CARGO_MANIFEST_DIR")), &mut found);
    let read = |page: PathBuf| {
        let text = fs::read_to_string(&page).expect("a page can be read");
        (page, text)
    };
    found.into_iter().map(read).collect()
}

#[test]
fn links_to_headings_lead_to_headings() {
    let texts = texts();
    let mut checked = 0;
    let mut broken = Vec::new();
    for (page, text) in &texts {
        for link in links(text).iter().filter(|link| !link.contains("://")) {
            let (file, Some(heading)) = target(page, link) else {
                continue;
            };
            checked += 1;
            let known = texts.get(&file).map(|text| anchors(text));
            if !known.is_some_and(|known| known.contains(&heading)) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(checked > 0, "no link to a heading found");
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let texts = texts();
    let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut reached = BTreeSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(page) = open.pop() {
        for link in links(&texts[&page]).iter().filter(|link| is_relative(link)) {
            let (file, _) = target(&page, link);
            // A link to a folder shows its pages.
            let shown = |other: &&PathBuf| **other == file || other.parent() == Some(&file);
            for other in texts.keys().filter(shown) {
                if reached.insert(other.clone()) {
                    open.push(other.clone());
                }
            }
        }
    }
    let all: BTreeSet<PathBuf> = texts.into_keys().collect();
    let lost: Vec<_> = all.difference(&reached).collect();
    assert_eq!(
        lost,
        Vec::<&PathBuf>::new(),
        "link them where a reader looks for them"
    );
}

#[test]
fn headings_have_the_names_that_links_use() {
    let text = "# One, two\n```\n# code\n```\n## `three` and four\ntext\n#no\n";
    let names: Vec<String> = anchors(text).into_iter().collect();
    assert_eq!(names, ["one-two", "three-and-four"]);
    let (file, heading) = target(Path::new("/a/docs/b.md"), "../c.md#d");
    assert_eq!(
        (file, heading),
        (PathBuf::from("/a/c.md"), Some("d".into()))
    );
}

#[test]
fn links_are_found_outside_code() {
    let text =
        "See [a](a.md#x) and [b](https://b.org).\n```\n[c](c.md)\n```\n`[d](d.md)` [e](e.md)";
    let found = links(text);
    assert_eq!(found, ["a.md#x", "https://b.org", "e.md"]);
    assert!(is_relative(&found[0]) && !is_relative(&found[1]));
}
