//! Which commit gave a field the value that is declared.

use jiff::Timestamp;

use crate::object::{Node, Object};
use crate::path::FieldPath;

/// What an app declares of one resource at a commit.
#[derive(Clone, Debug)]
pub enum Declared<O> {
    /// The resource so.
    Object(O),
    /// Not the resource.
    Nothing,
    /// Not known: what is in that commit cannot be read or rendered.
    Unknown,
}

/// What an app declares of one resource from a commit on.
#[derive(Clone, Debug)]
pub struct DeclaredAt<C, O> {
    /// The commit.
    pub commit: C,
    /// When it was made.
    pub committed_at: Timestamp,
    /// What it declares.
    pub declared: Declared<O>,
}

/// Finds the commit that gave a field its value: the first of the newest run of commits up to a time that declare it so.
///
/// `history` is newest first. `None` where no commit declares that value, or the newest that could be meant is unknown.
pub fn commit_of<'a, C, O: AsRef<Object>>(
    history: &'a [DeclaredAt<C, O>],
    path: &FieldPath,
    value: Node<'_>,
    until: Timestamp,
) -> Option<&'a DeclaredAt<C, O>> {
    // Commits have whole seconds.
    let known = history.iter().filter(|d| d.committed_at <= until);
    let declares = |d: &DeclaredAt<C, O>| match &d.declared {
        Declared::Object(o) => o.as_ref().root().at_path(path).is_some_and(|n| same(n, value)),
        _ => false,
    };
    let mut found = None;
    for commit in known {
        match (declares(commit), found.is_some()) {
            (true, _) => found = Some(commit),
            (false, true) => break,
            (false, false) => {}
        }
    }
    found
}

/// Tells whether a declared value is the live one, which may have defaults besides.
fn same(declared: Node<'_>, live: Node<'_>) -> bool {
    use crate::object::Kind;
    match (declared.kind(), live.kind()) {
        (Kind::Map, Kind::Map) => declared
            .children()
            .filter(|n| !n.is_null())
            .all(|n| live.get(n.key()).is_some_and(|l| same(n, l))),
        (Kind::List, Kind::List) => {
            declared.len() == live.len() && declared.children().zip(live.children()).all(|(d, l)| same(d, l))
        }
        _ => declared == live || scalars(declared, live),
    }
}

fn scalars(declared: Node<'_>, live: Node<'_>) -> bool {
    let text = |n: Node<'_>| match n.as_str() {
        Some(text) => Some(text.to_owned()),
        None => n.as_f64().map(|_| n.to_value().to_string()),
    };
    match (text(declared), text(live)) {
        (Some(d), Some(l)) => d == l || crate::schema::Quantity::equal_texts(&d, &l),
        _ => false,
    }
}
