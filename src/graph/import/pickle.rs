//! A pickle as a record of what it says, read without doing any of it.
//!
//! A pickle is a program for a stack machine that may call any Python function. This reader knows
//! the instructions, but a call is only noted down ([`Object::Call`]), and a name outside of a
//! short list is an error. Objects lie in one table and name each other by number, so that shared
//! and cyclic ones need no recursion.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// The most instructions that are followed; the checkpoints in use have some ten thousand. Each
/// makes or moves a handful of objects at most, so this bounds the memory too.
const STEP_LIMIT: usize = 4 << 20;

/// Names that a checkpoint may use. None of them is ever called: `tensors` knows what they mean.
const NAMES: &[(&str, &[&str])] = &[
    ("__builtin__", BUILTINS),
    ("_codecs", &["encode"]),
    ("builtins", BUILTINS),
    ("collections", &["Counter", "OrderedDict", "defaultdict"]),
    ("numpy", &["dtype", "ndarray"]),
    ("numpy._core.multiarray", MULTIARRAY),
    ("numpy._core.numeric", &["_frombuffer"]),
    ("numpy.core.multiarray", MULTIARRAY),
    ("numpy.core.numeric", &["_frombuffer"]),
    (
        "torch",
        &[
            "BFloat16Storage",
            "BoolStorage",
            "ByteStorage",
            "CharStorage",
            "DoubleStorage",
            "FloatStorage",
            "HalfStorage",
            "IntStorage",
            "LongStorage",
            "ShortStorage",
            "Size",
            "device",
        ],
    ),
    (
        "torch._utils",
        &[
            "_rebuild_parameter",
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
        ],
    ),
];
const BUILTINS: &[&str] = &["bool", "bytearray", "dict", "float", "int", "list", "set"];
const MULTIARRAY: &[&str] = &["_reconstruct", "scalar"];

/// Where a pickle cannot be followed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Bytes before the instruction.
    at: usize,
    what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its pickle {} at byte {}", self.what, self.at)
    }
}

/// An object's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(usize);

/// What a pickle says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object<'a> {
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
    List(Vec<Id>),
    /// tuple.
    Tuple(Vec<Id>),
    /// dict.
    Dict(Vec<(Id, Id)>),
    /// A name on the list, by module.
    Name(&'a str, &'a str),
    /// A call that was not made.
    Call {
        /// Of what.
        callee: Id,
        /// With what, a tuple.
        args: Id,
        /// What was to be set on the result.
        state: Option<Id>,
        /// What was to be put into the result.
        items: Vec<(Id, Id)>,
    },
    /// Something outside of the pickle, by description.
    Outside(Id),
}

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    root: Id,
    len: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle that `bytes` start with.
    ///
    /// # Errors
    /// Where it is cut, uses an instruction or a name that no checkpoint needs, or is too large.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut machine = Machine {
            bytes,
            at: 0,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        for _ in 0..STEP_LIMIT {
            let start = machine.at;
            let broken = |what| Broken { at: start, what };
            if let Some(root) = machine.step().map_err(broken)? {
                return Ok(Self {
                    objects: machine.objects,
                    root,
                    len: machine.at,
                });
            }
        }
        Err(Broken {
            at: machine.at,
            what: format!("has more than {STEP_LIMIT} instructions and goes on"),
        })
    }

    /// The object that the pickle is about.
    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// Bytes that it takes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, id: Id) -> &Object<'a> {
        &self.objects[id.0]
    }

    /// All objects, in the order in which they were made.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object<'a>> {
        self.objects.iter()
    }

    /// The text, where it is one; Python 2 wrote text as bytes.
    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Object::Text(text) => Some(text),
            Object::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The bytes, where it is some. Protocol 2 has none: Python 3 writes `encode(text, "latin1")`.
    pub(super) fn bytes(&self, id: Id) -> Option<Cow<'a, [u8]>> {
        match self.get(id) {
            Object::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Object::Call { .. } => {
                let args = self.call(id, &[("_codecs", "encode")])?;
                let [text, codec] = args else { return None };
                let (text, codec) = (self.text(*text)?, self.text(*codec)?);
                let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
                (codec == "latin1")
                    .then(|| bytes.collect::<Option<Vec<u8>>>())?
                    .map(Cow::Owned)
            }
            _ => None,
        }
    }

    /// The arguments, where it is a call of one of `names` (module, name).
    pub(super) fn call(&self, id: Id, names: &[(&str, &str)]) -> Option<&[Id]> {
        let Object::Call { callee, args, .. } = self.get(id) else {
            return None;
        };
        let Object::Name(module, name) = self.get(*callee) else {
            return None;
        };
        names
            .contains(&(*module, *name))
            .then(|| self.tuple(*args))?
    }

    /// What was to be set on the result of a call.
    pub(super) fn state(&self, id: Id) -> Option<Id> {
        match self.get(id) {
            Object::Call { state, .. } => *state,
            _ => None,
        }
    }

    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn list(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, where it is a dict or an `OrderedDict`.
    pub(super) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Object::Dict(items) => Some(items),
            Object::Call { items, .. } => {
                self.call(id, &[("collections", "OrderedDict")])?;
                Some(items)
            }
            _ => None,
        }
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Object::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A tuple of numbers that are not below 0.
    pub(super) fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        let one = |&id: &Id| usize::try_from(self.int(id)?).ok();
        self.tuple(id)?.iter().map(one).collect()
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at its marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// One instruction; the last one gives the root.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let code = self.take(1)?[0];
        match code {
            // PROTO, FRAME: 2 to 5 are known; frames only help readers of streams.
            0x80 => match self.take(1)?[0] {
                2..=5 => {}
                other => return Err(format!("is of protocol {other}, 2 to 5 are known")),
            },
            0x95 => self.take(8).map(|_| ())?,
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => self.pop_marked().map(|_| ())?,
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Object::Nothing),
            0x88 => self.push(Object::Int(1)),
            0x89 => self.push(Object::Int(0)),
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Object::Int(value.into()));
            }
            b'K' => {
                let value = self.take(1)?[0];
                self.push(Object::Int(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Object::Int(value.into()));
            }
            0x8a => {
                let len = usize::from(self.take(1)?[0]);
                self.long(len)?;
            }
            0x8b => {
                let len = self.size4()?;
                self.long(len)?;
            }
            b'G' => {
                self.take(8)?;
                self.push(Object::Number);
            }
            b'X' => {
                let len = self.size4()?;
                self.text(len)?;
            }
            0x8c => {
                let len = usize::from(self.take(1)?[0]);
                self.text(len)?;
            }
            0x8d => {
                let len = self.size8()?;
                self.text(len)?;
            }
            b'T' | b'B' => {
                let len = self.size4()?;
                self.raw(len)?;
            }
            b'U' | b'C' => {
                let len = usize::from(self.take(1)?[0]);
                self.raw(len)?;
            }
            0x8e | 0x96 => {
                let len = self.size8()?;
                self.raw(len)?;
            }
            b']' | 0x8f => self.push(Object::List(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            b')' => self.push(Object::Tuple(Vec::new())),
            b't' => {
                let items = self.pop_marked()?;
                self.push(Object::Tuple(items));
            }
            b'l' | 0x91 => {
                let items = self.pop_marked()?;
                self.push(Object::List(items));
            }
            b'd' => {
                let items = pairs(self.pop_marked()?)?;
                self.push(Object::Dict(items));
            }
            0x85..=0x87 => {
                let mut items = Vec::with_capacity(3);
                for _ in 0x85..=code {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Object::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_marked()?;
                self.append(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![(key, value)])?;
            }
            b'u' => {
                let items = pairs(self.pop_marked()?)?;
                self.set(items)?;
            }
            b'q' => {
                let slot = self.take(1)?[0].into();
                self.remember(slot)?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.remember(slot)?;
            }
            0x94 => {
                let slot = u32::try_from(self.memo.len()).map_err(|e| e.to_string())?;
                self.remember(slot)?;
            }
            b'h' => {
                let slot = self.take(1)?[0].into();
                self.recall(slot)?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.recall(slot)?;
            }
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.name(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Object::Text(module), Object::Text(name)) =
                    (&self.objects[module.0], &self.objects[name.0])
                else {
                    return Err("names something that is no text".to_owned());
                };
                self.name(module, name)?;
            }
            // REDUCE, NEWOBJ.
            b'R' | 0x81 => {
                let (args, callee) = (self.pop()?, self.pop()?);
                let is = |id: Id| &self.objects[id.0];
                if !matches!(is(callee), Object::Name(..)) || !matches!(is(args), Object::Tuple(_))
                {
                    return Err("calls something that has no name".to_owned());
                }
                self.push(Object::Call {
                    callee,
                    args,
                    state: None,
                    items: Vec::new(),
                });
            }
            b'b' => {
                let value = self.pop()?;
                let target = self.top()?;
                match &mut self.objects[target.0] {
                    Object::Call { state, .. } => *state = Some(value),
                    _ => return Err("sets the state of a plain value".to_owned()),
                }
            }
            b'Q' => {
                let description = self.pop()?;
                self.push(Object::Outside(description));
            }
            other => {
                return Err(format!(
                    "uses instruction 0x{other:02x}, which no checkpoint needs,"
                ));
            }
        }
        Ok(None)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let Some((taken, _)) = rest.split_at_checked(len) else {
            return Err("is cut".to_owned());
        };
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        <[u8; N]>::try_from(taken).map_err(|e| e.to_string())
    }

    fn size4(&mut self) -> Result<usize, String> {
        let size = u32::from_le_bytes(self.array()?);
        usize::try_from(size).map_err(|e| e.to_string())
    }

    fn size8(&mut self) -> Result<usize, String> {
        let size = u64::from_le_bytes(self.array()?);
        usize::try_from(size).map_err(|e| e.to_string())
    }

    /// Bytes up to the next line feed, as text.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        // Names of modules are short: a missing line feed is not looked for in a whole file.
        let len = rest.iter().take(256).position(|&b| b == b'\n');
        let text = self.take(len.ok_or("is cut")?)?;
        self.at += 1;
        std::str::from_utf8(text).map_err(|_| "holds a name that is no text".to_owned())
    }

    fn long(&mut self, len: usize) -> Result<(), String> {
        let digits = self.take(len)?;
        // Two's complement, little-endian; longer ones are no sizes.
        let value = match digits {
            [] => Object::Int(0),
            [.., last] if len <= 8 => {
                let mut all = [if *last >= 0x80 { 0xff } else { 0 }; 8];
                all[..len].copy_from_slice(digits);
                Object::Int(i64::from_le_bytes(all))
            }
            _ => Object::Number,
        };
        self.push(value);
        Ok(())
    }

    fn text(&mut self, len: usize) -> Result<(), String> {
        let text = std::str::from_utf8(self.take(len)?);
        let text = text.map_err(|_| "holds text that is not UTF-8".to_owned())?;
        self.push(Object::Text(text));
        Ok(())
    }

    fn raw(&mut self, len: usize) -> Result<(), String> {
        let bytes = self.take(len)?;
        self.push(Object::Bytes(bytes));
        Ok(())
    }

    fn name(&mut self, module: &'a str, name: &'a str) -> Result<(), String> {
        let known = NAMES
            .iter()
            .any(|(m, names)| *m == module && names.contains(&name));
        if !known {
            return Err(format!(
                "names `{module}.{name}`, which is no part of a checkpoint's weights,"
            ));
        }
        self.push(Object::Name(module, name));
        Ok(())
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(Id(self.objects.len()));
        self.objects.push(object);
    }

    /// The topmost object above the last mark.
    fn top(&self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err("takes from an empty stack".to_owned()),
        }
    }

    fn pop(&mut self) -> Result<Id, String> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    fn pop_marked(&mut self) -> Result<Vec<Id>, String> {
        let mark = self
            .marks
            .pop()
            .ok_or("goes back to a mark that it did not set")?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, mut items: Vec<Id>) -> Result<(), String> {
        let target = self.top()?;
        match &mut self.objects[target.0] {
            Object::List(list) => list.append(&mut items),
            _ => return Err("appends to something that is no list".to_owned()),
        }
        Ok(())
    }

    fn set(&mut self, mut new: Vec<(Id, Id)>) -> Result<(), String> {
        let target = self.top()?;
        match &mut self.objects[target.0] {
            Object::Dict(items) | Object::Call { items, .. } => items.append(&mut new),
            _ => return Err("sets an item of something that is no dict".to_owned()),
        }
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        let id = self
            .memo
            .get(&slot)
            .ok_or("recalls what it did not remember")?;
        self.stack.push(*id);
        Ok(())
    }
}

fn pairs(items: Vec<Id>) -> Result<Vec<(Id, Id)>, String> {
    match items.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()),
        _ => Err("holds a key without a value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        Pickle::read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn values_are_read() {
        // {"a": (1, -2, 70000), "b": [None, True], "c": 1 << 70}, protocol 4.
        let bytes =
            b"\x80\x04\x95\x2e\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94K\x01J\xfe\xff\
            \xff\xffJp\x11\x01\x00\x87\x94\x8c\x01b\x94]\x94(N\x88e\x8c\x01c\x94\x8a\x09\x00\x00\
            \x00\x00\x00\x00\x00\x00\x40u.rest";
        let pickle = Pickle::read(bytes).unwrap();
        assert_eq!(pickle.len(), bytes.len() - 4);
        let dict = pickle.dict(pickle.root()).unwrap();
        assert_eq!(pickle.text(dict[0].0), Some("a"));
        let ints: Vec<_> = pickle
            .tuple(dict[0].1)
            .unwrap()
            .iter()
            .map(|&i| pickle.int(i))
            .collect();
        assert_eq!(ints, [Some(1), Some(-2), Some(70000)]);
        assert_eq!(pickle.sizes(dict[0].1), None, "sizes are not below 0");
        let list = pickle.list(dict[1].1).unwrap();
        assert_eq!(
            (pickle.get(list[0]), pickle.int(list[1])),
            (&Object::Nothing, Some(1))
        );
        assert_eq!(pickle.get(dict[2].1), &Object::Number);
    }

    #[test]
    fn a_call_is_noted_and_not_made() {
        // OrderedDict with one item and a state; then bytes as protocol 2 holds them.
        let bytes = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00aK\x05s}b.";
        let pickle = Pickle::read(bytes).unwrap();
        let items = pickle.dict(pickle.root()).unwrap();
        assert_eq!((items.len(), pickle.int(items[0].1)), (1, Some(5)));
        assert!(pickle.state(pickle.root()).is_some());
        let bytes = b"\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00a\xc3\xbfX\x06\x00\x00\x00latin1\
            \x86R.";
        let pickle = Pickle::read(bytes).unwrap();
        assert_eq!(pickle.bytes(pickle.root()).as_deref(), Some(&b"a\xff"[..]));
    }

    #[test]
    fn a_name_that_is_not_on_the_list_is_refused() {
        // os.system("true"), both ways to write a name.
        let error = refused(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.");
        assert!(error.contains("names `posix.system`"), "{error}");
        let error = refused(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.");
        assert!(error.contains("names `builtins.eval`"), "{error}");
    }

    #[test]
    fn instructions_that_cannot_be_followed_are_refused() {
        for (bytes, says) in [
            (&b""[..], "is cut at byte 0"),
            (b"\x80\x02X\xff\xff\xff\xffabc", "is cut at byte 2"),
            (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "is cut"),
            (b"\x80\x06.", "protocol 6"),
            (b"\x80\x02.", "empty stack"),
            (b"\x80\x02(.", "empty stack"),
            (b"\x80\x02t.", "a mark that it did not set"),
            (b"\x80\x02h\x07.", "did not remember"),
            (b"\x80\x02NNs.", "empty stack"),
            (b"\x80\x02NNNs.", "no dict"),
            (b"\x80\x02NNa.", "no list"),
            (b"\x80\x02}(Nu.", "without a value"),
            (b"\x80\x02N)R.", "no name"),
            (b"\x80\x02NNb.", "plain value"),
            (b"\x80\x02X\x01\x00\x00\x00\xff.", "not UTF-8"),
            (b"\x80\x04K\x01K\x01\x93.", "no text"),
            (b"\x80\x02ctorch\nSize", "is cut"),
            // A list of arguments from the class itself (INST), an extension code.
            (b"\x80\x02(icollections\nOrderedDict\n.", "0x69"),
            (b"\x80\x02\x82\x01.", "0x82"),
        ] {
            let error = refused(bytes);
            assert!(error.contains(says), "{bytes:?}: {error}");
        }
        let many = [&b"\x80\x02"[..], &vec![b'N'; STEP_LIMIT + 1]].concat();
        assert!(refused(&many).contains("more than"));
    }
}
