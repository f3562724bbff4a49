//! Unique names for new nodes and values of a graph.

use std::collections::{HashMap, HashSet};

/// The names that are taken.
#[derive(Default)]
pub struct UniqueNames {
    taken: HashSet<String>,
    next: HashMap<String, usize>,
}

impl UniqueNames {
    /// `wanted`, or the first `wanted_N` that is not taken; it is taken from then on.
    pub fn unique(&mut self, wanted: &str) -> String {
        if self.taken.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let next = self.next.entry(wanted.to_owned()).or_insert(1);
        loop {
            let name = format!("{wanted}_{next}");
            *next += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

impl FromIterator<String> for UniqueNames {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self {
            taken: names.into_iter().collect(),
            next: HashMap::new(),
        }
    }
}
