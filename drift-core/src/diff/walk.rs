//! The walk that finds where two documents differ, by the schema of their kind.

mod join;
mod lists;
mod order;
mod typed_path;

use std::iter::Peekable;
use std::sync::LazyLock;

pub(crate) use order::OrderChange;
pub(crate) use typed_path::at_typed_path;

use self::join::join;
use super::scalar::{is_respelled, same_scalar};
use crate::object::{Doc, DocBuilder, Kind, Node};
use crate::path::{FieldPath, PathElement, Scalar};
use crate::schema::{
    Computed, Default, Field, Fields, MapShape, Rule, ScalarKind, SchemaSet, Shape, StructShape, TypeRef,
};

/// What counts as a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Two states of one object: whatever does not mean the same.
    Versions,
    /// A manifest and what an API server made of it: what the server fills in or drops on its own does not count.
    Declared,
}

/// One place where the documents differ.
#[derive(Clone, Debug)]
pub(crate) struct Difference<'a> {
    pub(crate) path: FieldPath,
    pub(crate) desired: Option<Node<'a>>,
    pub(crate) live: Option<Node<'a>>,
    /// What would be there by default, if the declaration leaves the field out and it has a default.
    pub(crate) default: Option<Doc>,
    /// The schema does not have the field: the API server drops it on the way in.
    pub(crate) unknown_field: bool,
    /// The API server, a controller or a typed client writes such a value as well: it is a difference only where a person wrote it.
    pub(crate) only_by_hand: bool,
    /// What the order of the elements of two lists has to do with it.
    pub(crate) order: Option<OrderChange>,
}

/// A struct of which nothing is declared.
static NOTHING: LazyLock<Doc> = LazyLock::new(|| {
    let mut builder = DocBuilder::default();
    builder.begin_map();
    builder.end();
    builder.finish().expect("an empty map is a document")
});

/// One step of the path, not yet turned into a path element: most steps lead to no difference.
#[derive(Clone, Copy)]
enum WalkStep<'a> {
    Field(&'a str),
    Element { node: Node<'a>, keys: &'a [Box<str>], ty: TypeRef<'a> },
    Value(Node<'a>),
}

impl WalkStep<'_> {
    fn element(self) -> PathElement {
        match self {
            WalkStep::Field(name) => PathElement::Field(name.into()),
            WalkStep::Value(node) => PathElement::Value(scalar(node)),
            WalkStep::Element { node, keys, ty } => {
                let fields = keys.iter().filter_map(|k| Some((k.clone(), scalar(key_field(node, k, ty)?))));
                PathElement::key(fields.collect::<Vec<_>>())
            }
        }
    }
}

pub(crate) fn scalar(node: Node<'_>) -> Scalar {
    Scalar::from_value(&node.to_value()).unwrap_or_else(|| Scalar::Str(format!("{node:?}").into()))
}

/// Returns a key field of an element of an associative list; a missing one stands for its default.
pub(crate) fn key_field<'a>(element: Node<'a>, name: &str, ty: TypeRef<'a>) -> Option<Node<'a>> {
    element.get(name).filter(|n| !n.is_null()).or_else(|| match ty.shape() {
        Shape::Struct(s) => match s.field(name)?.default()? {
            Default::Constant(node) => Some(node),
            _ => None,
        },
        _ => None,
    })
}

/// How a value comes to stand where nothing is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilledIn {
    /// It is what the API server takes by default.
    Default,
    /// The API server or a controller puts something in, whatever it is.
    Allocated,
}

/// The walk. One level of recursion per level of the documents, whose depth is bounded by their builder.
pub(crate) struct Walk<'a> {
    mode: Mode,
    path: Vec<WalkStep<'a>>,
    found: Vec<Difference<'a>>,
    /// Within an atomic value only whether anything differs is of interest.
    probing: bool,
    hit: bool,
    /// A person owns a part of the live object: what counts only where a person wrote it is looked for.
    is_edited: bool,
    /// Whether elements of a list that means a set were found in another order.
    permuted: bool,
    /// The whole documents, which computed defaults look into.
    roots: (Node<'a>, Node<'a>),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(mode: Mode, desired: Node<'a>, live: Node<'a>) -> Self {
        let (path, found, roots) = (Vec::new(), Vec::new(), (desired, live));
        Self { mode, path, found, probing: false, hit: false, is_edited: false, permuted: false, roots }
    }

    /// Finds as well what counts only where a person wrote it, for an object of which a person owns a part.
    pub(crate) fn edited(self, is_edited: bool) -> Self {
        Self { is_edited, ..self }
    }

    pub(crate) fn finish(self) -> Vec<Difference<'a>> {
        self.found
    }

    /// Walks the fields of two whole objects, but for those that `special` deals with itself.
    pub(crate) fn root(
        &mut self,
        d: Node<'a>,
        l: Node<'a>,
        ty: Option<TypeRef<'a>>,
        mut special: impl FnMut(&mut Self, &'a str, Option<Node<'a>>, Option<Node<'a>>) -> bool,
    ) {
        let shape = match ty.map(TypeRef::shape) {
            Some(Shape::Struct(s)) => Some(s),
            _ => None,
        };
        for (name, dv, lv) in join(d, l) {
            if !special(self, name, dv, lv) {
                let field = shape.and_then(|s| s.field(name));
                let keeps = shape.is_none_or(StructShape::preserves_unknown);
                self.step(WalkStep::Field(name), |w| w.field(field, dv, lv, (d, l), keeps));
            }
        }
    }

    /// A live value of a type, where none is declared and none stands by default.
    pub(crate) fn live_value(&mut self, l: Node<'a>, ty: Option<TypeRef<'a>>) {
        match ty.map(TypeRef::shape) {
            Some(Shape::Map(m)) if l.children().any(|n| m.allocates(n.key())) => self.maps_live(l, m),
            Some(Shape::List(list)) if list.has_allocated() => self.lists_live(l, list),
            _ => self.emit(None, Some(l)),
        }
    }

    /// Compares maps with free keys, passing over one key.
    pub(crate) fn maps_without(&mut self, d: Node<'a>, l: Node<'a>, m: Option<MapShape<'a>>, but: &str) {
        let before = self.found.len();
        self.maps(d, l, m);
        let is_but = |d: &Difference<'_>| matches!(d.path.elements().last(), Some(PathElement::Field(f)) if &**f == but);
        let mut at = 0;
        self.found.retain(|d| {
            at += 1;
            at <= before || !is_but(d)
        });
    }

    /// Walks below a field of the root.
    pub(crate) fn below(&mut self, name: &'a str, walk: impl FnOnce(&mut Self)) {
        self.step(WalkStep::Field(name), walk);
    }

    fn step(&mut self, step: WalkStep<'a>, walk: impl FnOnce(&mut Self)) {
        self.path.push(step);
        walk(self);
        self.path.pop();
    }

    pub(crate) fn emit(&mut self, desired: Option<Node<'a>>, live: Option<Node<'a>>) {
        self.emit_with(desired, live, None, false);
    }

    fn emit_with(
        &mut self,
        desired: Option<Node<'a>>,
        live: Option<Node<'a>>,
        default: Option<Doc>,
        unknown_field: bool,
    ) {
        if self.probing {
            // What the server drops does not make an atomic value another one.
            self.hit |= !unknown_field;
            return;
        }
        let path = self.path.iter().map(|s| s.element()).collect::<Vec<_>>().into();
        self.found.push(Difference {
            path,
            desired,
            live,
            default,
            unknown_field,
            only_by_hand: false,
            order: None,
        });
    }

    /// A live value where the API server or a controller puts something in.
    fn allocated_value(&mut self, live: Node<'a>) {
        self.emit_by_hand(None, live);
    }

    /// A live value that others than a person would write as well.
    fn emit_by_hand(&mut self, desired: Option<Node<'a>>, live: Node<'a>) {
        if self.is_edited && !self.probing {
            let before = self.found.len();
            self.emit(desired, Some(live));
            self.found[before..].iter_mut().for_each(|d| d.only_by_hand = true);
        }
    }

    /// Reports that the elements of two lists are the same, and stand in another order.
    fn emit_order(&mut self, d: Node<'a>, l: Node<'a>, order: OrderChange) {
        self.emit(Some(d), Some(l));
        if let Some(last) = self.found.last_mut().filter(|_| !self.probing) {
            last.order = Some(order);
        }
    }

    /// Compares an atomic value part by part, and reports it as one.
    fn atomic(&mut self, desired: Node<'a>, live: Node<'a>, walk: impl FnOnce(&mut Self)) {
        if self.probing {
            return walk(self);
        }
        (self.probing, self.hit, self.permuted) = (true, false, false);
        walk(self);
        self.probing = false;
        if self.hit {
            self.emit(Some(desired), Some(live));
        } else if self.permuted {
            self.emit_order(desired, live, OrderChange::Meaningless);
        }
    }

    /// Compares two values that are both there.
    pub(crate) fn pair(&mut self, d: Node<'a>, l: Node<'a>, ty: Option<TypeRef<'a>>) {
        if self.probing && self.hit {
            return;
        }
        match (ty.map_or(Shape::Unknown, TypeRef::shape), d.kind(), l.kind()) {
            (Shape::Scalar(kind), ..) if same_scalar(kind, d, l) => {}
            (Shape::Scalar(kind), ..) if self.is_respelled(kind, d, l) => self.emit_by_hand(Some(d), l),
            (Shape::Scalar(_), ..) => self.emit(Some(d), Some(l)),
            (Shape::Struct(s), Kind::Map, Kind::Map) if s.is_atomic() => {
                self.atomic(d, l, |w| w.structs(d, l, s))
            }
            (Shape::Struct(s), Kind::Map, Kind::Map) => self.structs(d, l, s),
            (Shape::Map(m), Kind::Map, Kind::Map) if m.is_atomic() => {
                self.atomic(d, l, |w| w.maps(d, l, Some(m)))
            }
            (Shape::Map(m), Kind::Map, Kind::Map) => self.maps(d, l, Some(m)),
            (Shape::List(list), Kind::List, Kind::List) => self.lists(d, l, list),
            (Shape::Unknown, Kind::Map, Kind::Map) => self.maps(d, l, None),
            (Shape::Unknown, Kind::List, Kind::List) => {
                self.atomic(d, l, |w| w.in_order(d.children(), l.children(), None))
            }
            (Shape::Unknown, ..) if d == l => {}
            (Shape::Unknown, ..) if self.is_respelled(ScalarKind::String, d, l) => {
                self.emit_by_hand(Some(d), l)
            }
            _ if d != l => self.emit(Some(d), Some(l)),
            _ => {}
        }
    }

    /// Returns `true` if the live value of a custom resource is what a typed client writes for the declared one.
    ///
    /// Definitions have durations and quantities as plain strings. Labels and annotations are text, and so are the
    /// strings of built-in kinds, whose schemas say what is a quantity.
    fn is_respelled(&self, kind: ScalarKind, d: Node<'_>, l: Node<'_>) -> bool {
        self.mode == Mode::Declared
            && is_respelled(kind, d, l)
            && !self.path.iter().any(|s| matches!(s, WalkStep::Field("metadata")))
            && is_custom(self.roots.1)
    }

    /// Returns `true` if a live value of a custom resource holds nothing but empty maps and lists, as Go writes for structs that are
    /// not set.
    fn is_hollow(&self, l: Node<'a>) -> bool {
        fn holds_nothing(n: Node<'_>) -> bool {
            match n.kind() {
                Kind::Map => n.children().all(holds_nothing),
                Kind::List => n.is_empty(),
                _ => false,
            }
        }
        self.mode == Mode::Declared && holds_nothing(l) && is_custom(self.roots.1)
    }

    fn structs(&mut self, d: Node<'a>, l: Node<'a>, s: StructShape<'a>) {
        let mut fields = s.fields().peekable();
        for (name, dv, lv) in join(d, l) {
            let field = seek(&mut fields, name);
            self.step(WalkStep::Field(name), |w| w.field(field, dv, lv, (d, l), s.preserves_unknown()));
        }
    }

    fn field(
        &mut self,
        field: Option<Field<'a>>,
        d: Option<Node<'a>>,
        l: Option<Node<'a>>,
        parents: (Node<'a>, Node<'a>),
        keeps_unknown: bool,
    ) {
        let absent = |n: Node<'_>| match field {
            Some(field) if self.mode == Mode::Declared => stands_for_nothing(field, n),
            _ => n.is_null(),
        };
        // Go writes no empty list or map of a type that it knows: it is as if none were there.
        let empty = |n: &Node<'_>| {
            field.is_some()
                && self.mode == Mode::Declared
                && matches!(n.kind(), Kind::List | Kind::Map)
                && n.is_empty()
        };
        let left_open = |n: Node<'_>| self.mode == Mode::Declared && field.is_some_and(|f| leaves_open(f, n));
        let (dv, lv) = (d.filter(|n| !absent(*n) && !left_open(*n)), l.filter(|n| !absent(*n)));
        let (d, l) = (d.filter(|n| !absent(*n) || !empty(n)), l.filter(|n| !absent(*n) || !empty(n)));
        match (dv, lv) {
            (None, None) => {}
            (Some(dv), Some(lv)) => match field {
                Some(field) => self.completed(dv, lv, field, parents),
                None => self.pair(dv, lv, None),
            },
            (Some(dv), None) => self.desired_only(field, dv, l, parents, keeps_unknown),
            (None, Some(lv)) => {
                self.live_only(field, lv, d.filter(|n| !n.is_null()), Some(parents.0), parents.1)
            }
        }
    }

    /// A field that is declared and not live, or live with a value that stands for nothing.
    fn desired_only(
        &mut self,
        field: Option<Field<'a>>,
        d: Node<'a>,
        l: Option<Node<'a>>,
        parents: (Node<'a>, Node<'a>),
        keeps_unknown: bool,
    ) {
        let Some(field) = field else {
            let unknown = self.mode == Mode::Declared && !keeps_unknown;
            return self.emit_with(Some(d), None, None, unknown);
        };
        if self.mode == Mode::Declared && self.is_default(field, d, Some(parents.0), parents.1).is_ok() {
            return;
        }
        let has_map_type = matches!(field.ty().shape(), Shape::Map(_));
        if self.mode == Mode::Declared
            && has_map_type
            && d.children().all(Node::is_null)
            && d.kind() == Kind::Map
        {
            return;
        }
        self.emit(Some(d), l.filter(|n| !n.is_null()));
    }

    /// Returns how a value comes to stand there by itself; if it does not, what would, as far as that can be said.
    fn is_default(
        &self,
        field: Field<'a>,
        value: Node<'a>,
        desired_parent: Option<Node<'a>>,
        live_parent: Node<'a>,
    ) -> Result<FilledIn, Option<Doc>> {
        match field.default() {
            None => Err(None),
            Some(Default::Allocated) => Ok(FilledIn::Allocated),
            Some(Default::Constant(node)) => {
                if self.same(node, value, field.ty()) {
                    Ok(FilledIn::Default)
                } else {
                    Err(Some(node.to_doc()))
                }
            }
            Some(Default::Computed(rule)) => {
                // The declared struct says what the default was when it was applied. Where another default followed
                // from what is live now (an image that somebody changed), that one is as good.
                let mut first = None;
                // Of a struct that is not declared no field is.
                let declared = (desired_parent.unwrap_or_else(|| NOTHING.root()), self.roots.0);
                // Of two fields that mirror each other one has to stand for a change of both.
                let leads = matches!(
                    rule,
                    Rule::ServiceAccountName | Rule::PodServiceAccountName | Rule::DataSourceRef
                );
                let live = (!leads).then_some((live_parent, self.roots.1));
                for (parent, root) in [declared].into_iter().chain(live) {
                    match rule.evaluate(parent, root) {
                        Some(Computed::Allocated) => return Ok(FilledIn::Allocated),
                        Some(Computed::Value(doc)) if self.same(doc.root(), value, field.ty()) => {
                            return Ok(FilledIn::Default);
                        }
                        Some(Computed::Value(doc)) => drop(first.get_or_insert(doc)),
                        None => {}
                    }
                }
                Err(first)
            }
        }
    }

    /// Returns `true` if two values mean the same, whatever they live in.
    fn same(&self, a: Node<'_>, b: Node<'_>, ty: TypeRef<'_>) -> bool {
        let mut walk = Walk { probing: true, ..Walk::new(self.mode, self.roots.0, self.roots.1) };
        walk.pair(a, b, Some(ty));
        !walk.hit
    }

    /// Compares a field that is declared and live, where a rule adds to what is declared, as limits add to requests.
    fn completed(&mut self, d: Node<'a>, l: Node<'a>, field: Field<'a>, parents: (Node<'a>, Node<'a>)) {
        let whole = match field.default() {
            Some(Default::Computed(rule)) if self.mode == Mode::Declared && rule.completes() => {
                rule.evaluate(parents.0, self.roots.0)
            }
            _ => None,
        };
        let Some(Computed::Value(whole)) = whole else { return self.pair(d, l, Some(field.ty())) };
        let mut inner = Walk::new(self.mode, whole.root(), l);
        inner.pair(whole.root(), l, Some(field.ty()));
        let real: Vec<FieldPath> = inner.found.into_iter().map(|d| d.path).collect();
        if self.probing {
            self.hit |= !real.is_empty();
            return;
        }
        let (before, depth) = (self.found.len(), self.path.len());
        self.pair(d, l, Some(field.ty()));
        let tail = |d: &Difference<'_>| FieldPath::from(d.path.elements()[depth..].to_vec());
        let fresh = self.found.split_off(before);
        self.found.extend(fresh.into_iter().filter(|d| real.contains(&tail(d))));
    }

    /// A field that is live and not declared; `declared` is a declared value that stands for nothing.
    fn live_only(
        &mut self,
        field: Option<Field<'a>>,
        l: Node<'a>,
        declared: Option<Node<'a>>,
        desired_parent: Option<Node<'a>>,
        live_parent: Node<'a>,
    ) {
        if self.mode == Mode::Versions {
            return self.emit(declared, Some(l));
        }
        if l.is_empty() && !field.is_some_and(|f| is_selector(f.ty())) {
            return;
        }
        if self.is_hollow(l) {
            return self.emit_by_hand(declared, l);
        }
        let Some(field) = field else { return self.emit(declared, Some(l)) };
        let default = match self.is_default(field, l, desired_parent, live_parent) {
            Ok(FilledIn::Allocated) => return self.allocated_value(l),
            Ok(FilledIn::Default) => {
                // What is allocated in a struct that is filled in may be a person's.
                if let (true, Shape::Struct(s), Kind::Map) = (self.is_edited, field.ty().shape(), l.kind()) {
                    self.filled(l, s);
                }
                return;
            }
            Err(default) => default,
        };
        // An empty map as default stands for a struct that is filled in: its own fields speak for themselves.
        let filled_in = default.as_ref().is_some_and(|d| d.root().kind() == Kind::Map);
        match field.ty().shape() {
            Shape::Struct(s) if filled_in && l.kind() == Kind::Map && !s.is_atomic() => self.filled(l, s),
            Shape::Map(m) if l.children().any(|n| m.allocates(n.key())) => self.maps_live(l, m),
            Shape::List(list) if list.has_allocated() => self.lists_live(l, list),
            _ => self.emit_with(declared, Some(l), default, false),
        }
    }

    fn filled(&mut self, l: Node<'a>, s: StructShape<'a>) {
        let mut fields = s.fields().peekable();
        for child in l.children() {
            let field = seek(&mut fields, child.key());
            if !child.is_null() && !field.is_some_and(|f| stands_for_nothing(f, child)) {
                self.step(WalkStep::Field(child.key()), |w| w.live_only(field, child, None, None, l));
            }
        }
    }

    /// Compares maps with free keys; without a shape, maps of which nothing is known.
    pub(crate) fn maps(&mut self, d: Node<'a>, l: Node<'a>, m: Option<MapShape<'a>>) {
        let ty = m.map(MapShape::value);
        for (key, dv, lv) in join(d, l) {
            self.step(WalkStep::Field(key), |w| {
                match (dv.filter(|n| !n.is_null()), lv.filter(|n| !n.is_null())) {
                    (Some(dv), Some(lv)) => w.pair(dv, lv, ty),
                    // Go reads `null` as the empty text or the empty bytes, and the key stays.
                    (Some(v), None) | (None, Some(v))
                        if w.is_null_text(v, dv.is_some() && lv.is_some(), ty) => {}
                    (Some(dv), None) => w.emit(Some(dv), None),
                    (None, Some(lv)) if w.is_hollow(lv) => w.emit_by_hand(None, lv),
                    (None, Some(lv)) if !w.allocated(m, key) => w.emit(None, Some(lv)),
                    (None, Some(lv)) => w.allocated_value(lv),
                    (None, None) => {}
                }
            });
        }
    }

    fn is_null_text(&self, value: Node<'_>, on_both_sides: bool, ty: Option<TypeRef<'_>>) -> bool {
        let is_text =
            |t: TypeRef<'_>| matches!(t.shape(), Shape::Scalar(ScalarKind::String | ScalarKind::Bytes));
        self.mode == Mode::Declared && on_both_sides && value.as_str() == Some("") && ty.is_some_and(is_text)
    }

    fn allocated(&self, m: Option<MapShape<'a>>, key: &str) -> bool {
        self.mode == Mode::Declared && m.is_some_and(|m| m.allocates(key))
    }

    fn maps_live(&mut self, l: Node<'a>, m: MapShape<'a>) {
        for child in l.children().filter(|n| !n.is_null() && !m.allocates(n.key())) {
            self.step(WalkStep::Field(child.key()), |w| w.emit(None, Some(child)));
        }
    }
}

/// Returns `true` if an object is of no kind that Kubernetes has built in.
fn is_custom(root: Node<'_>) -> bool {
    let group = root.str_at(&["apiVersion"]).and_then(|v| v.split_once('/')).map_or("", |v| v.0);
    SchemaSet::bundled().scope(group, root.str_at(&["kind"]).unwrap_or_default()).is_none()
}

/// Returns `true` for a selector of labels, which selects everything when it is empty, and nothing when it is not there.
fn is_selector(ty: TypeRef<'_>) -> bool {
    ty.name() == "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"
}

/// Returns `true` if a value and a missing field are one: also an empty list or map, which Go cannot tell from none.
fn stands_for_nothing(field: Field<'_>, n: Node<'_>) -> bool {
    n.is_null()
        || field.is_absent(n)
        || (n.is_empty() && matches!(field.ty().shape(), Shape::List(_) | Shape::Map(_)))
}

/// Returns `true` for an empty text that is declared where another one is the default: the API server fills it in, as where none is.
fn leaves_open(field: Field<'_>, n: Node<'_>) -> bool {
    n.as_str() == Some("")
        && matches!(field.default(), Some(Default::Constant(text)) if text.as_str().is_some())
}

/// Advances the sorted fields of a struct to a name.
fn seek<'a>(fields: &mut Peekable<Fields<'a>>, name: &str) -> Option<Field<'a>> {
    while fields.next_if(|f| f.name() < name).is_some() {}
    fields.next_if(|f| f.name() == name)
}
