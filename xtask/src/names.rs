//! `cargo xtask names`: how many type names are one word, and how many types share their name.

use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use syn::Item;

/// Share of types whose name is one word that is still accepted, %.
const ONE_WORD_PERCENT: f64 = 35.0;
/// Share of types that share their name with another that is still accepted, %.
const SHARED_PERCENT: f64 = 15.0;

/// Count type names of one word, and names that several types share.
///
/// Counted are structs, enums, traits and type aliases in tracked Rust files outside tests, benches
/// and fuzz targets. A name is one word where no lower-case letter or digit is followed by a
/// capital.
#[derive(clap::Args)]
pub struct NamesArgs {
    /// Fail above 35 % names of one word or 15 % shared names
    #[arg(long)]
    check: bool,
    /// Print the two figures without the names behind them
    #[arg(long)]
    brief: bool,
}

/// A type that is defined somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Definition {
    name: String,
    file: PathBuf,
}

/// Types by how they are named.
#[derive(Debug)]
struct NameCount {
    total: usize,
    one_word: Vec<Definition>,
    /// Types that share their name with another, by name.
    shared: BTreeMap<String, Vec<PathBuf>>,
}

impl NameCount {
    fn of(definitions: &[Definition]) -> Self {
        let mut by_name: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for found in definitions {
            let files = by_name.entry(found.name.clone()).or_default();
            files.push(found.file.clone());
        }
        by_name.retain(|_, files| files.len() > 1);
        let one_word = definitions.iter().filter(|d| is_one_word(&d.name));
        let mut one_word: Vec<Definition> = one_word.cloned().collect();
        one_word.sort();
        Self {
            total: definitions.len(),
            one_word,
            shared: by_name,
        }
    }

    fn percent(&self, count: usize) -> f64 {
        100.0 * count as f64 / self.total.max(1) as f64
    }

    fn one_word_percent(&self) -> f64 {
        self.percent(self.one_word.len())
    }

    fn shared_percent(&self) -> f64 {
        self.percent(self.shared.values().map(Vec::len).sum())
    }

    fn is_accepted(&self) -> bool {
        self.one_word_percent() <= ONE_WORD_PERCENT && self.shared_percent() <= SHARED_PERCENT
    }
}

/// Prints the counts; `false` where they are checked and too high.
///
/// # Errors
/// Git cannot list the files, or one cannot be read or parsed.
pub fn run(args: &NamesArgs) -> anyhow::Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the repository")?;
    let mut definitions = Vec::new();
    for file in tracked(root)? {
        let text = std::fs::read_to_string(root.join(&file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        let parsed =
            syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
        collect(&parsed.items, &file, &mut definitions);
    }
    let count = NameCount::of(&definitions);
    if !args.brief {
        println!("One word:");
        for found in &count.one_word {
            println!("  {} ({})", found.name, found.file.display());
        }
        println!("Shared:");
        for (name, files) in &count.shared {
            let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
            println!("  {name}: {}", files.join(", "));
        }
    }
    println!(
        "{} types: {} ({:.1} %) have names of one word (accepted: {ONE_WORD_PERCENT} %), {} \
         ({:.1} %) share their name (accepted: {SHARED_PERCENT} %)",
        count.total,
        count.one_word.len(),
        count.one_word_percent(),
        count.shared.values().map(Vec::len).sum::<usize>(),
        count.shared_percent(),
    );
    Ok(!args.check || count.is_accepted())
}

/// The Rust files that are counted, from the repository's root.
fn tracked(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let out = Command::new("git")
        .args(["ls-files", "-z", "--", "*.rs"])
        .current_dir(root)
        .output()
        .context("cannot run git, which lists the files")?;
    ensure!(
        out.status.success(),
        "git cannot list the files: {}",
        String::from_utf8_lossy(&out.stderr).trim()
    );
    let text = String::from_utf8(out.stdout).context("a file's name is not UTF-8")?;
    let files = text.split('\0').filter(|name| !name.is_empty());
    let files = files.map(PathBuf::from).filter(|file| is_counted(file));
    Ok(files.filter(|file| root.join(file).is_file()).collect())
}

fn is_counted(file: &Path) -> bool {
    let folder = |name: &std::ffi::OsStr| name == "tests" || name == "benches" || name == "fuzz";
    let in_tests = file.iter().any(folder);
    let stem = file.file_stem().map(|stem| stem.to_string_lossy());
    !in_tests && !stem.is_some_and(|stem| stem.ends_with("tests"))
}

fn collect(items: &[Item], file: &Path, out: &mut Vec<Definition>) {
    for item in items {
        let name = match item {
            Item::Struct(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Mod(module) => {
                let inside = module.content.as_ref().map(|(_, items)| &items[..]);
                if module.ident != "tests" {
                    collect(inside.unwrap_or_default(), file, out);
                }
                continue;
            }
            _ => continue,
        };
        out.push(Definition {
            name: name.to_string(),
            file: file.to_owned(),
        });
    }
}

/// Whether `name` has no capital after a small letter or digit.
fn is_one_word(name: &str) -> bool {
    let letters: Vec<char> = name.chars().collect();
    let ends_word = |pair: &[char]| {
        (pair[0].is_lowercase() || pair[0].is_ascii_digit()) && pair[1].is_uppercase()
    };
    !letters.windows(2).any(ends_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> NameCount {
        let parsed = syn::parse_file(text).unwrap();
        let mut definitions = Vec::new();
        collect(&parsed.items, Path::new("a.rs"), &mut definitions);
        NameCount::of(&definitions)
    }

    #[test]
    fn one_word_names_and_shared_names_are_counted() {
        let found = count(
            "struct Frame; enum ScoreMap {} trait Sink {} type V4l2 = u8; \
             mod inner { struct Frame; struct BoardHealth; fn f() {} } \
             mod tests { struct Frame; struct Other; }",
        );
        assert_eq!(found.total, 6);
        let names: Vec<&str> = found.one_word.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["Frame", "Frame", "Sink", "V4l2"]);
        assert_eq!(found.shared.keys().collect::<Vec<_>>(), ["Frame"]);
        assert!((found.shared_percent() - 100.0 / 3.0).abs() < 1e-9);
        assert!(!found.is_accepted());
        assert!(count("struct FrameSource; struct ScoreMap;").is_accepted());
    }

    #[test]
    fn words_end_where_a_capital_follows_a_small_letter() {
        assert!(is_one_word("NMS") && is_one_word("Frame") && is_one_word("INT8"));
        assert!(!is_one_word("FrameRate") && !is_one_word("V4l2Source"));
    }

    #[test]
    fn tests_and_benches_are_not_counted() {
        for file in ["tests/run.rs", "crates/a/benches/b.rs", "src/sink/tests.rs"] {
            assert!(!is_counted(Path::new(file)), "{file}");
        }
        assert!(!is_counted(Path::new("src/view/gallery_tests.rs")));
        assert!(is_counted(Path::new("src/sink.rs")));
    }
}
