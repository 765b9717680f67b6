//! What changed between two versions of a document, without a schema: for storage, not for people.
//!
//! A delta is itself a document, a list of operations in order of the result:
//! `{"at":["spec","replicas"],"set":3}`, `{"at":["metadata","labels","a"],"remove":true}` and
//! `{"at":["status","conditions"],"list":[[0,2],null,4]}`, which makes a list of the elements 0 and 1 of the old one, a
//! new one that a later operation sets, and the old element 4. Numbers in `at` are places in the new list. Paths are
//! written flat, since a nested form would be twice as deep as the document.

use serde::{Deserialize, Serialize};

use crate::object::{BuildError, Doc, DocBuilder, Kind, Node};

/// Longest changed middle of a list in which moved elements are looked for; above it elements pair by place.
const MAX_MATCHED: usize = 64;

/// What turns one document into another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delta(Doc);

/// A delta that does not fit the document it is applied to, or makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("delta operation {operation} {problem}")]
pub struct DeltaError {
    /// Which operation, from 0.
    pub operation: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Delta {
    /// Computes what turns `previous` into `next`.
    ///
    /// # Errors
    /// When `next` is nested so deeply that a value of it does not fit into a document two levels further down.
    pub fn between(previous: &Doc, next: &Doc) -> Result<Self, BuildError> {
        let mut writer = Writer { out: DocBuilder::with_capacity(512), path: Vec::new() };
        writer.out.begin_list();
        writer.change(previous.root(), next.root());
        writer.out.end();
        writer.out.finish().map(Self)
    }

    /// Returns `true` if nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.root().is_empty()
    }

    /// Returns the operations as a document.
    pub fn as_doc(&self) -> &Doc {
        &self.0
    }

    /// Returns the document that follows `previous`; it is no larger than `previous` and the delta together.
    ///
    /// # Errors
    /// When the delta was made for another document or by nobody's diff.
    pub fn apply(&self, previous: &Doc) -> Result<Doc, DeltaError> {
        let operations = parse(self.0.root())?;
        let mut out = DocBuilder::with_capacity(previous.heap_size());
        Applier { out: &mut out }.build(previous.root(), &operations, 0)?;
        out.finish()
            .map_err(|_| DeltaError { operation: 0, problem: "makes a document too deep or too large" })
    }
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

struct Writer<'a> {
    out: DocBuilder,
    path: Vec<Step<'a>>,
}

impl<'a> Writer<'a> {
    fn operation(&mut self, name: &str) {
        self.out.begin_map();
        self.out.key("at");
        self.out.begin_list();
        for step in &self.path {
            match step {
                Step::Key(key) => self.out.str(key),
                Step::Index(at) => self.out.int(*at as i64),
            }
        }
        self.out.end();
        self.out.key(name);
    }

    fn set(&mut self, value: Node<'a>) {
        self.operation("set");
        self.out.node(value);
        self.out.end();
    }

    fn below(&mut self, step: Step<'a>, write: impl FnOnce(&mut Self)) {
        self.path.push(step);
        write(self);
        self.path.pop();
    }

    /// Writes what turns one value into another; nothing if they are equal.
    fn change(&mut self, old: Node<'a>, new: Node<'a>) {
        match (old.kind(), new.kind()) {
            (Kind::Map, Kind::Map) => self.map(old, new),
            (Kind::List, Kind::List) => self.list(old, new),
            _ if old == new => {}
            _ => self.set(new),
        }
    }

    fn map(&mut self, old: Node<'a>, new: Node<'a>) {
        let (mut olds, mut news) = (old.children().peekable(), new.children().peekable());
        loop {
            let order = match (olds.peek(), news.peek()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(o), Some(n)) => o.key().cmp(n.key()),
            };
            let o = if order.is_le() { olds.next() } else { None };
            let n = if order.is_ge() { news.next() } else { None };
            match (o, n) {
                (Some(o), Some(n)) => self.below(Step::Key(n.key()), |w| w.change(o, n)),
                (None, Some(n)) => self.below(Step::Key(n.key()), |w| w.set(n)),
                (Some(o), None) => self.below(Step::Key(o.key()), |w| {
                    w.operation("remove");
                    w.out.bool(true);
                    w.out.end();
                }),
                (None, None) => return,
            }
        }
    }

    fn list(&mut self, old: Node<'a>, new: Node<'a>) {
        if old == new {
            return;
        }
        let olds: Vec<_> = old.children().collect();
        let news: Vec<_> = new.children().collect();
        let from = matching(&olds, &news);
        if from.iter().all(Option::is_none) {
            return self.set(new);
        }
        let same_places = olds.len() == news.len() && from.iter().enumerate().all(|(j, i)| *i == Some(j));
        if !same_places {
            self.operation("list");
            self.parts(&from);
            self.out.end();
        }
        for (j, (&new, i)) in news.iter().zip(&from).enumerate() {
            match i.map(|i| olds[i]) {
                None => self.below(Step::Index(j), |w| w.set(new)),
                Some(old) if old == new => {}
                Some(old) => self.below(Step::Index(j), |w| w.change(old, new)),
            }
        }
    }

    /// Writes where each element comes from, runs as `[first, length]`.
    fn parts(&mut self, from: &[Option<usize>]) {
        self.out.begin_list();
        let mut j = 0;
        while j < from.len() {
            let Some(first) = from[j] else {
                self.out.null();
                j += 1;
                continue;
            };
            let length = (1..).take_while(|n| from.get(j + n) == Some(&Some(first + n))).count() + 1;
            if length == 1 {
                self.out.int(first as i64);
            } else {
                self.out.begin_list();
                self.out.int(first as i64);
                self.out.int(length as i64);
                self.out.end();
            }
            j += length;
        }
        self.out.end();
    }
}

/// Finds for each new element the old one it is best written as a change of; no old one is used twice.
fn matching(olds: &[Node<'_>], news: &[Node<'_>]) -> Vec<Option<usize>> {
    let shorter = olds.len().min(news.len());
    let head = (0..shorter).take_while(|&i| olds[i] == news[i]).count();
    let tail =
        (0..shorter - head).take_while(|i| olds[olds.len() - 1 - i] == news[news.len() - 1 - i]).count();
    let (old_end, new_end) = (olds.len() - tail, news.len() - tail);
    let mut from = vec![None; news.len()];
    (0..head).for_each(|i| from[i] = Some(i));
    (0..tail).for_each(|i| from[new_end + i] = Some(old_end + i));
    let middle = middle(&olds[head..old_end], &news[head..new_end]);
    for (j, i) in middle.into_iter().enumerate() {
        from[head + j] = i.map(|i| head + i);
    }
    from
}

fn middle(olds: &[Node<'_>], news: &[Node<'_>]) -> Vec<Option<usize>> {
    let nested = |i: usize, j: usize| {
        olds[i].kind() == news[j].kind() && matches!(news[j].kind(), Kind::List | Kind::Map)
    };
    if olds.len() > MAX_MATCHED || news.len() > MAX_MATCHED {
        return (0..news.len()).map(|j| (j < olds.len() && nested(j, j)).then_some(j)).collect();
    }
    let mut free = vec![true; olds.len()];
    let mut from: Vec<Option<usize>> = Vec::with_capacity(news.len());
    for new in news {
        let equal = (0..olds.len()).find(|&i| free[i] && olds[i] == *new);
        equal.inspect(|&i| free[i] = false);
        from.push(equal);
    }
    for (j, from) in from.iter_mut().enumerate().filter(|(_, f)| f.is_none()) {
        let best = (0..olds.len())
            .filter(|&i| free[i] && nested(i, j))
            .map(|i| (likeness(olds[i], news[j]), i))
            .filter(|(likeness, _)| *likeness > 0)
            .max_by_key(|&(likeness, i)| (likeness, std::cmp::Reverse(i.abs_diff(j)), i));
        if let Some((_, i)) = best {
            free[i] = false;
            *from = Some(i);
        }
    }
    from
}

/// Counts what two values have in common at their top.
fn likeness(a: Node<'_>, b: Node<'_>) -> usize {
    if a.kind() == Kind::List {
        return a.children().zip(b.children()).filter(|(x, y)| x == y).count();
    }
    let mut others = b.children().peekable();
    a.children()
        .filter(|x| {
            while others.next_if(|y| y.key() < x.key()).is_some() {}
            others.next_if(|y| y.key() == x.key()).is_some_and(|y| y == *x)
        })
        .count()
}

struct Operation<'a> {
    number: usize,
    at: Vec<Node<'a>>,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Set(Node<'a>),
    Remove,
    List(Node<'a>),
}

impl Operation<'_> {
    fn error(&self, problem: &'static str) -> DeltaError {
        DeltaError { operation: self.number, problem }
    }
}

fn parse(root: Node<'_>) -> Result<Vec<Operation<'_>>, DeltaError> {
    if root.kind() != Kind::List {
        return Err(DeltaError { operation: 0, problem: "is not in a list" });
    }
    root.children().enumerate().map(|(number, node)| parse_operation(number, node)).collect()
}

fn parse_operation(number: usize, node: Node<'_>) -> Result<Operation<'_>, DeltaError> {
    let error = |problem| DeltaError { operation: number, problem };
    let mut fields = node.children();
    let at = fields.next().filter(|n| n.key() == "at" && n.kind() == Kind::List);
    let (Some(at), Some(what), None) = (at, fields.next(), fields.next()) else {
        return Err(error("must be a map of `at` and one of `set`, `remove`, `list`"));
    };
    let what = match what.key() {
        "set" => What::Set(what),
        "remove" if what.as_bool() == Some(true) => What::Remove,
        "list" if what.kind() == Kind::List => What::List(what),
        _ => return Err(error("must have one of `set`, `remove: true`, `list: [...]`")),
    };
    Ok(Operation { number, at: at.children().collect(), what })
}

struct Applier<'b> {
    out: &'b mut DocBuilder,
}

impl Applier<'_> {
    /// Builds what becomes of a value. All operations are at the value's path or below; `depth` is that path's length.
    fn build(&mut self, old: Node<'_>, operations: &[Operation<'_>], depth: usize) -> Result<(), DeltaError> {
        let Some((first, rest)) = operations.split_first() else {
            self.out.node(old);
            return Ok(());
        };
        let here = first.at.len() == depth;
        let below = if here { rest } else { operations };
        if let Some(o) = below.iter().find(|o| o.at.len() <= depth) {
            return Err(o.error("comes again or too late"));
        }
        match (here.then_some(first.what), old.kind()) {
            (Some(What::Set(value)), _) if rest.is_empty() => {
                self.out.node(value);
                Ok(())
            }
            (Some(What::List(parts)), Kind::List) => {
                let elements = rearranged(first, parts, old)?;
                self.list(&elements, below, depth, first)
            }
            (None, Kind::List) => {
                let elements: Vec<_> = old.children().map(Some).collect();
                self.list(&elements, below, depth, first)
            }
            (None, Kind::Map) => self.map(old, below, depth),
            _ => Err(first.error("does not fit what is at its path")),
        }
    }

    fn list(
        &mut self,
        elements: &[Option<Node<'_>>],
        mut operations: &[Operation<'_>],
        depth: usize,
        first: &Operation<'_>,
    ) -> Result<(), DeltaError> {
        self.out.begin_list();
        for (j, element) in elements.iter().enumerate() {
            let mine =
                operations.iter().take_while(|o| o.at[depth].as_i64() == i64::try_from(j).ok()).count();
            let (mine, later) = operations.split_at(mine);
            operations = later;
            match (element, mine) {
                (Some(element), _) => self.build(*element, mine, depth + 1)?,
                (None, [only]) => match only.what {
                    What::Set(value) if only.at.len() == depth + 1 => self.out.node(value),
                    _ => return Err(only.error("must set a new element")),
                },
                (None, _) => return Err(first.error("makes a new element that is not set once")),
            }
        }
        if let Some(o) = operations.first() {
            return Err(o.error("has a path to no element, or is out of order"));
        }
        self.out.end();
        Ok(())
    }

    fn map(
        &mut self,
        old: Node<'_>,
        mut operations: &[Operation<'_>],
        depth: usize,
    ) -> Result<(), DeltaError> {
        self.out.begin_map();
        let mut children = old.children().peekable();
        let mut last: Option<&str> = None;
        while let Some(first) = operations.first() {
            let Some(key) = first.at[depth].as_str().filter(|k| last.is_none_or(|l| l < *k)) else {
                return Err(first.error("has a path to no key, or is out of order"));
            };
            last = Some(key);
            let mine = operations.iter().take_while(|o| o.at[depth].as_str() == Some(key)).count();
            let (mine, later) = operations.split_at(mine);
            operations = later;
            while let Some(child) = children.next_if(|c| c.key() < key) {
                self.out.key(child.key());
                self.out.node(child);
            }
            let child = children.next_if(|c| c.key() == key);
            self.entry(key, child, mine, depth + 1)?;
        }
        for child in children {
            self.out.key(child.key());
            self.out.node(child);
        }
        self.out.end();
        Ok(())
    }

    fn entry(
        &mut self,
        key: &str,
        old: Option<Node<'_>>,
        operations: &[Operation<'_>],
        depth: usize,
    ) -> Result<(), DeltaError> {
        let first = &operations[0];
        match (old, first.what) {
            (Some(_), What::Remove) if first.at.len() == depth && operations.len() == 1 => Ok(()),
            (Some(old), _) => {
                self.out.key(key);
                self.build(old, operations, depth)
            }
            (None, What::Set(value)) if first.at.len() == depth && operations.len() == 1 => {
                self.out.key(key);
                self.out.node(value);
                Ok(())
            }
            (None, _) => Err(first.error("has a path to no value")),
        }
    }
}

/// Returns the elements of the new list, `None` for those that are new. None of the old is taken twice, so that a
/// small delta cannot make a large document.
fn rearranged<'a>(
    operation: &Operation<'_>,
    parts: Node<'_>,
    old: Node<'a>,
) -> Result<Vec<Option<Node<'a>>>, DeltaError> {
    let mut olds: Vec<_> = old.children().map(Some).collect();
    let mut elements = Vec::new();
    for part in parts.children() {
        let mut numbers = part.children().map(Node::as_i64);
        let (first, length) = match part.kind() {
            Kind::Null => {
                elements.push(None);
                continue;
            }
            Kind::Int => (part.as_i64(), Some(1)),
            Kind::List if part.len() == 2 => (numbers.next().flatten(), numbers.next().flatten()),
            _ => (None, None),
        };
        let range = first.zip(length).and_then(|(first, length)| {
            let first = usize::try_from(first).ok()?;
            olds.get_mut(first..first.checked_add(usize::try_from(length).ok()?)?)
        });
        for slot in range.ok_or_else(|| operation.error("takes elements that are not there"))? {
            let taken = slot.take().ok_or_else(|| operation.error("takes an element twice"))?;
            elements.push(Some(taken));
        }
    }
    Ok(elements)
}
