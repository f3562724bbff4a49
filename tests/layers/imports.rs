//! Resolves the paths that modules name to modules and files.

use crate::source::{Binding, Module, Modules};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// Re-exports that are followed in a row at most.
const DEPTH_LIMIT: usize = 12;

/// What takes from what, and which names.
pub type Edges<T> = BTreeMap<(T, T), BTreeSet<String>>;

/// Every import of a module from another, both as paths.
pub fn imports(modules: &Modules) -> Edges<Vec<String>> {
    let mut edges = Edges::new();
    for (at, module) in modules {
        for path in &module.used {
            let mut met = BTreeSet::new();
            follow(modules, at, path, &mut met, 0);
            for from in met {
                if from != *at {
                    let name = path.last().cloned().unwrap_or_default();
                    edges.entry((at.clone(), from)).or_default().insert(name);
                }
            }
        }
    }
    edges
}

/// Records the module that defines what `path`, written in the module `at`, names. Re-exports are
/// followed; `true` where it is found.
fn follow(
    modules: &Modules,
    at: &[String],
    path: &[String],
    met: &mut BTreeSet<Vec<String>>,
    depth: usize,
) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    match first.as_str() {
        "crate" => within(modules, &at[..1], rest, met, depth),
        "self" => within(modules, at, rest, met, depth),
        "super" => {
            let mut up = at.len().saturating_sub(1);
            let mut rest = rest;
            while let Some((name, more)) = rest.split_first()
                && name == "super"
            {
                up = up.saturating_sub(1);
                rest = more;
            }
            within(modules, &at[..up.max(1)], rest, met, depth)
        }
        name if bound(modules, at, name) => within(modules, at, path, met, depth),
        name if modules.contains_key(&vec![name.to_owned()]) => {
            within(modules, &[name.to_owned()], rest, met, depth)
        }
        _ => {
            // A name that only a glob brings in.
            let found = modules.get(at);
            found.is_some_and(|module| through_globs(modules, module, at, path, met, depth))
        }
    }
}

fn bound(modules: &Modules, at: &[String], name: &str) -> bool {
    let found = modules.get(at);
    found.is_some_and(|module| module.names.contains_key(name))
}

fn within(
    modules: &Modules,
    at: &[String],
    rest: &[String],
    met: &mut BTreeSet<Vec<String>>,
    depth: usize,
) -> bool {
    let Some(module) = modules.get(at) else {
        return false;
    };
    let Some((name, more)) = rest.split_first() else {
        // The module itself: what is taken from it is named elsewhere.
        return true;
    };
    if depth > DEPTH_LIMIT {
        return false;
    }
    match module.names.get(name) {
        Some(Binding::Own) => {
            met.insert(at.to_vec());
            true
        }
        Some(Binding::Child) => {
            let inner = [at, std::slice::from_ref(name)].concat();
            within(modules, &inner, more, met, depth)
        }
        Some(Binding::Import(path)) => {
            // What another re-exports is taken from where it is defined.
            let whole = [&path[..], more].concat();
            follow(modules, at, &whole, met, depth + 1)
        }
        None if name == "*" => {
            if module.names.values().any(|b| matches!(b, Binding::Own)) {
                met.insert(at.to_vec());
            }
            true
        }
        None => through_globs(modules, module, at, rest, met, depth),
    }
}

fn through_globs(
    modules: &Modules,
    module: &Module,
    at: &[String],
    rest: &[String],
    met: &mut BTreeSet<Vec<String>>,
    depth: usize,
) -> bool {
    depth <= DEPTH_LIMIT
        && module.globs.iter().any(|glob| {
            // A glob may name its own module, or one that takes all of this one.
            let whole = [&glob[..], rest].concat();
            follow(modules, at, &whole, met, depth + 4)
        })
}

/// Groups of names that reach each other, each sorted; empty where imports run one way.
pub fn circles<T: Clone + Ord>(edges: &Edges<T>) -> Vec<Vec<T>> {
    let mut next: BTreeMap<&T, Vec<&T>> = BTreeMap::new();
    for (from, to) in edges.keys() {
        next.entry(from).or_default().push(to);
    }
    let reach = |start: &T| {
        let mut seen: BTreeSet<&T> = BTreeSet::new();
        let mut open: Vec<&T> = next.get(start).into_iter().flatten().copied().collect();
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                open.extend(next.get(at).into_iter().flatten().copied());
            }
        }
        seen
    };
    let reached: BTreeMap<&T, BTreeSet<&T>> = next.keys().map(|&t| (t, reach(t))).collect();
    let mut found: BTreeSet<Vec<T>> = BTreeSet::new();
    for (at, seen) in &reached {
        if seen.contains(at) {
            let back = |other: &&&T| reached.get(**other).is_some_and(|s| s.contains(at));
            found.insert(seen.iter().filter(back).map(|&t| t.clone()).collect());
        }
    }
    found.into_iter().collect()
}

/// The edges of `group`, one a line, for people.
pub fn explain<T: Ord + Display>(edges: &Edges<T>, group: &[T]) -> String {
    let inside = |(from, to): &&(T, T)| group.contains(from) && group.contains(to);
    let lines = edges.keys().filter(inside).map(|key| {
        let names: Vec<&str> = edges[key].iter().map(String::as_str).collect();
        format!("  {} -> {}: {}\n", key.0, key.1, names.join(", "))
    });
    lines.collect()
}
