//! The layers hold: imports run down only, between crates, between the modules of `unmask` and
//! between files. `docs/architecture.md` draws them; a new import is allowed here, on purpose.

mod imports;
mod source;

use imports::{Edges, circles, explain, imports};
use source::{Modules, read_crate};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What a crate of the workspace may take from the others, lowest first.
const CRATES: &[(&str, &[&str])] = &[
    ("unmask_frame", &[]),
    ("unmask_network", &[]),
    ("unmask_onnx", &["unmask_frame"]),
    ("unmask_oracle", &[]),
    ("unmask_system", &[]),
    ("unmask_tensorrt", &[]),
    ("unmask_v4l2", &[]),
    ("v4l2_sys_mit", &[]),
    ("unmask_score", &["unmask_frame"]),
    ("unmask_drive", &["unmask_frame"]),
    ("unmask_model", &["unmask_frame", "unmask_score"]),
    ("unmask_eval", &["unmask_frame", "unmask_score"]),
    (
        "unmask_alert",
        &["unmask_drive", "unmask_frame", "unmask_score"],
    ),
    (
        "unmask_engine",
        &[
            "unmask_frame",
            "unmask_model",
            "unmask_onnx",
            "unmask_score",
        ],
    ),
    (
        "unmask_graph",
        &[
            "unmask_drive",
            "unmask_engine",
            "unmask_eval",
            "unmask_frame",
            "unmask_model",
            "unmask_network",
            "unmask_onnx",
            "unmask_score",
        ],
    ),
    (
        "unmask_train",
        &[
            "unmask_drive",
            "unmask_frame",
            "unmask_graph",
            "unmask_network",
            "unmask_score",
        ],
    ),
    (
        "unmask",
        &[
            "unmask_alert",
            "unmask_drive",
            "unmask_engine",
            "unmask_eval",
            "unmask_frame",
            "unmask_graph",
            "unmask_model",
            "unmask_network",
            "unmask_onnx",
            "unmask_score",
            "unmask_system",
            "unmask_tensorrt",
            "unmask_v4l2",
        ],
    ),
    ("command_pages", &["unmask"]),
    ("board_guest", &["unmask_v4l2"]),
    ("xtask", &["board_guest", "unmask_oracle"]),
];

/// What a module of `unmask` may take from the others, lowest first.
const MODULES: &[(&str, &[&str])] = &[
    ("budget", &[]),
    ("health", &[]),
    ("build", &["health"]),
    ("source", &[]),
    ("view", &["budget"]),
    ("sink", &["budget", "view"]),
    ("pipeline", &["budget", "health", "sink", "source"]),
    (
        "config",
        &["budget", "health", "pipeline", "sink", "source"],
    ),
    ("doctor", &["config", "health", "source"]),
    (
        "runner",
        &[
            "budget", "config", "health", "pipeline", "sink", "source", "view",
        ],
    ),
    (
        "cli",
        &[
            "budget", "build", "config", "doctor", "health", "pipeline", "runner", "sink",
            "source", "view",
        ],
    ),
];

/// What a module of `unmask` may take from the crates that only the offline tools need.
const OFFLINE: &[&str] = &[
    "unmask_eval",
    "unmask_graph",
    "unmask_network",
    "unmask_onnx",
];

struct Package {
    name: String,
    folder: PathBuf,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packages() -> Vec<Package> {
    let mut folders: Vec<PathBuf> = ["", "training", "xtask", "xtask/guest", "xtask/pages"]
        .iter()
        .map(PathBuf::from)
        .collect();
    let crates = fs::read_dir(root().join("crates")).expect("crates/ can be listed");
    let crates = crates.map(|entry| Path::new("crates").join(entry.expect("readable").file_name()));
    folders.extend(crates);
    folders.sort();
    let packages = folders.into_iter().filter_map(|folder| {
        let text = fs::read_to_string(root().join(&folder).join("Cargo.toml")).ok()?;
        let manifest: toml::Table = text.parse().expect("a manifest is TOML");
        let name = manifest["package"]["name"].as_str().expect("a name");
        Some(Package {
            name: name.replace('-', "_"),
            folder,
        })
    });
    packages.collect()
}

fn all_modules() -> &'static Modules {
    static ALL: OnceLock<Modules> = OnceLock::new();
    ALL.get_or_init(read_all)
}

fn read_all() -> Modules {
    let mut modules = Modules::new();
    for package in packages() {
        let library = package.folder.join("src/lib.rs");
        let program = package.folder.join("src/main.rs");
        let has_library = root().join(&library).is_file();
        if has_library {
            read_crate(root(), &library, &package.name, &mut modules);
        }
        if root().join(&program).is_file() {
            let name = match has_library {
                true => format!("{}(program)", package.name),
                false => package.name,
            };
            read_crate(root(), &program, &name, &mut modules);
        }
    }
    modules
}

/// The imports of `modules` by file. A module is part of the one that holds it: what it takes from
/// that one is not an import; what it takes from all others is.
fn by_file(modules: &Modules) -> Edges<String> {
    let file = |path: &Vec<String>| modules[path].file.display().to_string();
    let mut all = imports(modules);
    all.retain(|(from, to), _| !from.starts_with(to));
    regroup(all, |path| Some(file(path)))
}

/// The imports of `modules` by crate; a program counts as its library.
fn by_crate(modules: &Modules) -> Edges<String> {
    regroup(imports(modules), |path| {
        Some(path[0].trim_end_matches("(program)").to_owned())
    })
}

/// The imports between the modules right below the root of `name`.
fn by_module(modules: &Modules, name: &str) -> Edges<String> {
    regroup(imports(modules), |path| {
        (path[0] == name).then(|| path.get(1).cloned())?
    })
}

fn regroup(
    edges: Edges<Vec<String>>,
    name: impl Fn(&Vec<String>) -> Option<String>,
) -> Edges<String> {
    let mut out = Edges::new();
    for ((from, to), names) in edges {
        if let (Some(from), Some(to)) = (name(&from), name(&to))
            && from != to
        {
            out.entry((from, to)).or_default().extend(names);
        }
    }
    out
}

/// What `edges` hold that `allowed` does not list, and what it lists that is not there.
fn faults(edges: &Edges<String>, allowed: &[(&str, &[&str])]) -> Vec<String> {
    let mut out = Vec::new();
    for ((from, to), names) in edges {
        let row = allowed.iter().find(|(name, _)| name == from);
        if !row.is_some_and(|(_, may)| may.contains(&to.as_str())) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            out.push(format!("{from} takes {} from {to}", names.join(", ")));
        }
    }
    for (at, (from, may)) in allowed.iter().enumerate() {
        for to in *may {
            if !allowed[..at].iter().any(|(name, _)| name == to) {
                out.push(format!(
                    "the list lets {from} take from {to}, which is not below it"
                ));
            }
        }
    }
    out
}

fn assert_no_circle(edges: &Edges<String>) {
    let found = circles(edges);
    let shown: Vec<String> = found.iter().map(|group| explain(edges, group)).collect();
    assert!(
        found.is_empty(),
        "{} circles of imports; move what both need below both:\n{}",
        found.len(),
        shown.join("\n")
    );
}

#[test]
fn crates_take_from_those_below_only() {
    let modules = all_modules();
    let edges = by_crate(modules);
    assert!(edges.len() > 20, "the reader finds too little: {edges:?}");
    assert_eq!(faults(&edges, CRATES), Vec::<String>::new());
    assert_no_circle(&edges);
}

#[test]
fn manifests_name_only_crates_below() {
    let mut out = Vec::new();
    for package in packages() {
        let file = root().join(&package.folder).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(file)
            .expect("it was read before")
            .parse()
            .expect("a manifest is TOML");
        let allowed = CRATES.iter().find(|(name, _)| *name == package.name);
        let allowed = allowed.map_or(&[] as &[&str], |(_, may)| *may);
        let named = manifest.get("dependencies").and_then(|d| d.as_table());
        for name in named.into_iter().flat_map(|table| table.keys()) {
            let name = name.replace('-', "_");
            let ours = CRATES.iter().any(|(known, _)| *known == name);
            if (ours || name.starts_with("unmask")) && !allowed.contains(&name.as_str()) {
                out.push(format!("{} depends on {name}", package.name));
            }
        }
    }
    assert_eq!(out, Vec::<String>::new());
}

#[test]
fn modules_of_unmask_take_from_those_below_only() {
    let modules = all_modules();
    let edges = by_module(modules, "unmask");
    assert!(edges.len() > 15, "the reader finds too little: {edges:?}");
    assert_eq!(faults(&edges, MODULES), Vec::<String>::new());
    assert_no_circle(&edges);
}

#[test]
fn the_board_takes_nothing_from_the_offline_tools() {
    let modules = all_modules();
    let mut out = BTreeSet::new();
    for ((from, to), names) in imports(modules) {
        let board = from[0] == "unmask" && from.get(1).is_some_and(|module| module != "cli");
        if board && OFFLINE.contains(&to[0].as_str()) {
            out.insert(format!(
                "{} takes {names:?} from {}",
                from.join("::"),
                to[0]
            ));
        }
    }
    assert_eq!(out, BTreeSet::new());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let modules = all_modules();
    let edges = by_file(modules);
    assert!(
        edges.len() > 300,
        "the reader finds too little: {}",
        edges.len()
    );
    assert_no_circle(&edges);
}

/// A crate of the given files, read as the workspace's are.
fn planted(files: &[(&str, &str)]) -> Modules {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }
    let mut modules = Modules::new();
    read_crate(folder.path(), Path::new("lib.rs"), "planted", &mut modules);
    modules
}

#[test]
fn a_planted_circle_of_files_is_found() {
    let good = [
        ("lib.rs", "mod low;\nmod high;\npub use high::top;"),
        ("low.rs", "pub struct Low;"),
        (
            "high.rs",
            "use crate::low::Low;\npub fn top() -> Low { Low }",
        ),
    ];
    let edges = by_file(&planted(&good));
    assert_eq!(circles(&edges), Vec::<Vec<String>>::new());
    let key = ("high.rs".to_owned(), "low.rs".to_owned());
    assert!(edges.contains_key(&key), "{edges:?}");

    // The same through a path in a body, a macro's argument, a re-export and a glob.
    for low in [
        "pub struct Low;\nfn back() { crate::high::top(); }",
        "pub struct Low;\nfn back() { println!(\"{:?}\", crate::high::top()); }",
        "use super::top;\npub struct Low;\nfn back() { top(); }",
        "use super::high::*;\npub struct Low;\nfn back() { top(); }",
        "use super::high;\npub struct Low;\nfn back() { high::top(); }",
    ] {
        let mut bad = good;
        bad[1].1 = low;
        let found = circles(&by_file(&planted(&bad)));
        assert_eq!(found, [["high.rs", "low.rs"]], "{low}");
    }

    // Tests may look up.
    let mut tested = good;
    tested[1].1 = "pub struct Low;\n#[cfg(test)]\nmod tests { use crate::high::top; }";
    assert!(circles(&by_file(&planted(&tested))).is_empty());
}

#[test]
fn a_planted_import_upwards_is_found() {
    let modules = planted(&[
        ("lib.rs", "pub mod sink;\npub mod pipeline;"),
        ("sink.rs", "pub mod file;"),
        (
            "sink/file.rs",
            "use crate::pipeline::Run;\npub struct File(Run);",
        ),
        ("pipeline.rs", "pub struct Run;"),
    ]);
    let edges = by_module(&modules, "planted");
    let allowed: &[(&str, &[&str])] = &[("sink", &[]), ("pipeline", &["sink"])];
    assert_eq!(faults(&edges, allowed), ["sink takes Run from pipeline"]);
    // Nor can the list itself turn the layers round.
    let turned: &[(&str, &[&str])] = &[("sink", &["pipeline"]), ("pipeline", &[])];
    assert_eq!(faults(&edges, turned).len(), 1);
}
