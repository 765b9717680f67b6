//! The kinds of scalars.

/// How a scalar is read and when two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScalarKind {
    /// Text, equal as it stands.
    String,
    /// A whole number.
    Int,
    /// Any number.
    Float,
    /// `true` or `false`.
    Bool,
    /// An amount such as `500m` or `1Gi`; see [`super::Quantity`].
    Quantity,
    /// A whole number or a text; `80` is not `"80"`.
    IntOrString,
    /// A duration as Go writes it; see [`super::GoDuration`].
    Duration,
    /// A time in RFC 3339.
    Time,
    /// Bytes in base64.
    Bytes,
}
