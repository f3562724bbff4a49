//! Reads the modules of a crate: what each defines, what it imports, and which paths it names.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// A name that a module binds.
#[derive(Clone, Debug)]
pub enum Binding {
    /// Something that it defines.
    Own,
    /// A module inside it.
    Child,
    /// Something that it imports from this path.
    Import(Vec<String>),
}

/// A module as it is written; test code is left out.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The file that holds it, from the root of the repository.
    pub file: PathBuf,
    /// Names that it binds.
    pub names: HashMap<String, Binding>,
    /// Paths whose names it takes all.
    pub globs: Vec<Vec<String>>,
    /// Paths that its code names, private imports included; re-exports are none of its uses.
    pub used: Vec<Vec<String>>,
}

/// Modules by their path, the crate's name first.
pub type Modules = HashMap<Vec<String>, Module>;

/// Reads the crate `name` whose root file is `root`, seen from `folder`.
pub fn read_crate(folder: &Path, root: &Path, name: &str, modules: &mut Modules) {
    let below = root.parent().unwrap_or(root).to_owned();
    read_file(folder, root, &below, vec![name.to_owned()], modules);
}

fn read_file(folder: &Path, file: &Path, below: &Path, path: Vec<String>, modules: &mut Modules) {
    let text = fs::read_to_string(folder.join(file))
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    let parsed = syn::parse_file(&text)
        .unwrap_or_else(|error| panic!("cannot parse {}: {error}", file.display()));
    let place = Place {
        folder,
        file,
        below,
    };
    read_items(&place, path, &parsed.items, modules);
}

struct Place<'a> {
    folder: &'a Path,
    file: &'a Path,
    /// Where the files of its child modules lie.
    below: &'a Path,
}

fn read_items(place: &Place<'_>, path: Vec<String>, items: &[Item], modules: &mut Modules) {
    let mut reader = ModuleReader(Module {
        file: place.file.to_owned(),
        ..Module::default()
    });
    for item in items {
        if let Some(name) = defined(item) {
            reader.0.names.entry(name).or_insert(Binding::Own);
        }
        let Item::Mod(module) = item else {
            reader.visit_item(item);
            continue;
        };
        if is_test(&module.attrs) {
            continue;
        }
        let name = module.ident.to_string();
        reader.0.names.insert(name.clone(), Binding::Child);
        let mut inner = path.clone();
        inner.push(name.clone());
        let below = place.below.join(&name);
        match &module.content {
            Some((_, items)) => {
                let place = Place {
                    below: &below,
                    ..*place
                };
                read_items(&place, inner, items, modules);
            }
            None => {
                let file = place.below.join(format!("{name}.rs"));
                let file = if place.folder.join(&file).is_file() {
                    file
                } else {
                    below.join("mod.rs")
                };
                read_file(place.folder, &file, &below, inner, modules);
            }
        }
    }
    modules.insert(path, reader.0);
}

/// The name that an item other than a module or an import binds.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|path| path.is_ident("test"))
    })
}

struct ModuleReader(Module);

impl ModuleReader {
    fn import(&mut self, tree: &UseTree, mut before: Vec<String>, public: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, public);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before.clone(), public);
                }
            }
            UseTree::Glob(_) => {
                if !public {
                    self.0.used.push([&before[..], &["*".to_owned()]].concat());
                }
                self.0.globs.push(before);
            }
            UseTree::Name(name) => self.bind(name.ident.to_string(), &name.ident, before, public),
            UseTree::Rename(name) => {
                self.bind(name.rename.to_string(), &name.ident, before, public)
            }
        }
    }

    fn bind(&mut self, name: String, from: &syn::Ident, mut path: Vec<String>, public: bool) {
        let name = match from == "self" {
            true if name == "self" => path.last().cloned().unwrap_or_default(),
            true => name,
            false => {
                path.push(from.to_string());
                name
            }
        };
        if !public {
            self.0.used.push(path.clone());
        }
        // A module and a function may share a name: the module's own child comes first.
        let binding = Binding::Import(path);
        self.0.names.entry(name).or_insert(binding);
    }

    /// Paths inside a macro's arguments, which are tokens only.
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        use proc_macro2::TokenTree;
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.flush(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.flush(&mut path);
    }

    fn flush(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.0.used.push(std::mem::take(path));
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for ModuleReader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let public = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, Vec::new(), public);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        let tested = match statement {
            syn::Stmt::Macro(statement) => is_test(&statement.attrs),
            syn::Stmt::Expr(syn::Expr::Call(call), _) => is_test(&call.attrs),
            _ => false,
        };
        if !tested {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if !is_test(&call.attrs) {
            visit::visit_expr_call(self, call);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.0.used.push(names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }
}
