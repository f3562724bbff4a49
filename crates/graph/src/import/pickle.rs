//! Reads a pickle as data, without executing it.
//!
//! A pickle is a program for a stack machine that may call any Python function. This reader knows
//! the instructions, but a call is only noted down ([`Object::Call`]), and a name outside of a
//! short list is an error. Objects lie in one table and name each other by number, so that shared
//! and cyclic ones need no recursion.

mod machine;
#[cfg(test)]
mod tests;

use machine::PickleMachine;
use std::borrow::Cow;
use std::fmt;

/// The most instructions that are followed; the checkpoints in use have some ten thousand. Each
/// makes or moves a handful of objects at most, so this bounds the memory too.
const STEP_LIMIT: usize = 4 << 20;

/// Where a pickle cannot be followed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PickleError {
    /// Bytes before the instruction.
    at: usize,
    what: String,
}

impl fmt::Display for PickleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its pickle {} at byte {}", self.what, self.at)
    }
}

/// The longest bytes that are taken for a text: names are short, and many may be the same object.
const OLD_TEXT_LIMIT_BYTES: usize = 4096;
/// Axes of an array: as many as NumPy allows.
const AXES_LIMIT: usize = 64;

/// An object's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ObjectId(usize);

/// What a pickle says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PickleObject<'a> {
    /// None.
    Nothing,
    /// bool, int up to 64 bits.
    Int(i64),
    /// An int beyond that, or a float: nothing that a tensor needs.
    Number,
    /// str.
    Text(&'a str),
    /// bytes, bytearray, and Python 2's str.
    Bytes(&'a [u8]),
    /// list, set.
    List(Vec<ObjectId>),
    /// tuple.
    Tuple(Vec<ObjectId>),
    /// dict.
    Dict(Vec<(ObjectId, ObjectId)>),
    /// A name on the list, by module.
    Name(&'a str, &'a str),
    /// A call that was not made.
    Call {
        /// Of what.
        callee: ObjectId,
        /// With what, a tuple.
        args: ObjectId,
        /// What was to be set on the result.
        state: Option<ObjectId>,
        /// What was to be put into the result.
        items: Vec<(ObjectId, ObjectId)>,
    },
    /// Something outside of the pickle, by description.
    Outside(ObjectId),
}

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct PickleReader<'a> {
    objects: Vec<PickleObject<'a>>,
    root: ObjectId,
    len: usize,
}

impl<'a> PickleReader<'a> {
    /// Reads the pickle that `bytes` start with.
    ///
    /// # Errors
    /// Where it is cut, uses an instruction or a name that no checkpoint needs, or is too large.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, PickleError> {
        let mut machine = PickleMachine::new(bytes);
        for _ in 0..STEP_LIMIT {
            let start = machine.at;
            let broken = |what| PickleError { at: start, what };
            if let Some(root) = machine.step().map_err(broken)? {
                return Ok(Self {
                    objects: machine.objects,
                    root,
                    len: machine.at,
                });
            }
        }
        Err(PickleError {
            at: machine.at,
            what: format!("has more than {STEP_LIMIT} instructions"),
        })
    }

    /// The object that the pickle is about.
    pub(super) fn root(&self) -> ObjectId {
        self.root
    }

    /// Bytes that it takes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, id: ObjectId) -> &PickleObject<'a> {
        &self.objects[id.0]
    }

    /// All objects, in the order in which they were made.
    pub(super) fn objects(&self) -> impl Iterator<Item = &PickleObject<'a>> {
        self.objects.iter()
    }

    /// The text, where it is one; Python 2 wrote text as bytes.
    pub(super) fn text(&self, id: ObjectId) -> Option<&'a str> {
        match self.get(id) {
            PickleObject::Text(text) => Some(text),
            PickleObject::Bytes(bytes) if bytes.len() <= OLD_TEXT_LIMIT_BYTES => {
                std::str::from_utf8(bytes).ok()
            }
            _ => None,
        }
    }

    /// The bytes, where it is `len` of them. Protocol 2 has none: Python 3 writes
    /// `encode(text, "latin1")`. No text of another length is decoded: many arrays may name one.
    pub(super) fn bytes(&self, id: ObjectId, len: usize) -> Option<Cow<'a, [u8]>> {
        match self.get(id) {
            PickleObject::Bytes(bytes) => (bytes.len() == len).then_some(Cow::Borrowed(*bytes)),
            PickleObject::Call { .. } => {
                let args = self.call(id, &[("_codecs", "encode")])?;
                let [text, codec] = args else { return None };
                let (text, codec) = (self.text(*text)?, self.text(*codec)?);
                // A character of Latin-1 takes one byte or two in UTF-8.
                if codec != "latin1" || text.len().div_ceil(2) > len || text.len() < len {
                    return None;
                }
                let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
                let bytes = bytes.collect::<Option<Vec<u8>>>()?;
                (bytes.len() == len).then_some(Cow::Owned(bytes))
            }
            _ => None,
        }
    }

    /// The arguments, where it is a call of one of `names` (module, name).
    pub(super) fn call(&self, id: ObjectId, names: &[(&str, &str)]) -> Option<&[ObjectId]> {
        let PickleObject::Call { callee, args, .. } = self.get(id) else {
            return None;
        };
        let PickleObject::Name(module, name) = self.get(*callee) else {
            return None;
        };
        names
            .contains(&(*module, *name))
            .then(|| self.tuple(*args))?
    }

    /// What was to be set on the result of a call.
    pub(super) fn state(&self, id: ObjectId) -> Option<ObjectId> {
        match self.get(id) {
            PickleObject::Call { state, .. } => *state,
            _ => None,
        }
    }

    pub(super) fn tuple(&self, id: ObjectId) -> Option<&[ObjectId]> {
        match self.get(id) {
            PickleObject::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn list(&self, id: ObjectId) -> Option<&[ObjectId]> {
        match self.get(id) {
            PickleObject::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, where it is a dict or an `OrderedDict`.
    pub(super) fn dict(&self, id: ObjectId) -> Option<&[(ObjectId, ObjectId)]> {
        match self.get(id) {
            PickleObject::Dict(items) => Some(items),
            PickleObject::Call { items, .. } => {
                self.call(id, &[("collections", "OrderedDict")])?;
                Some(items)
            }
            _ => None,
        }
    }

    pub(super) fn int(&self, id: ObjectId) -> Option<i64> {
        match self.get(id) {
            PickleObject::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A tuple of numbers that are not below 0, one for an axis.
    pub(super) fn sizes(&self, id: ObjectId) -> Option<Vec<usize>> {
        let one = |&id: &ObjectId| usize::try_from(self.int(id)?).ok();
        let axes = self.tuple(id)?;
        (axes.len() <= AXES_LIMIT).then(|| axes.iter().map(one).collect())?
    }
}
