//! Interprets the instructions of a pickle, one at a time.

use super::{ObjectId, PickleObject};
use std::collections::HashMap;

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

/// The stack machine that a pickle is a program for.
pub(super) struct PickleMachine<'a> {
    bytes: &'a [u8],
    /// Bytes that were read.
    pub(super) at: usize,
    pub(super) objects: Vec<PickleObject<'a>>,
    stack: Vec<ObjectId>,
    /// Heights of the stack at its marks.
    marks: Vec<usize>,
    memo: HashMap<u32, ObjectId>,
}

impl<'a> PickleMachine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    /// One instruction; the last one gives the root.
    pub(super) fn step(&mut self) -> Result<Option<ObjectId>, String> {
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
            b'N' => self.push(PickleObject::Nothing),
            0x88 => self.push(PickleObject::Int(1)),
            0x89 => self.push(PickleObject::Int(0)),
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(PickleObject::Int(value.into()));
            }
            b'K' => {
                let value = self.take(1)?[0];
                self.push(PickleObject::Int(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(PickleObject::Int(value.into()));
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
                self.push(PickleObject::Number);
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
            b']' | 0x8f => self.push(PickleObject::List(Vec::new())),
            b'}' => self.push(PickleObject::Dict(Vec::new())),
            b')' => self.push(PickleObject::Tuple(Vec::new())),
            b't' => {
                let items = self.pop_marked()?;
                self.push(PickleObject::Tuple(items));
            }
            b'l' | 0x91 => {
                let items = self.pop_marked()?;
                self.push(PickleObject::List(items));
            }
            b'd' => {
                let items = pairs(self.pop_marked()?)?;
                self.push(PickleObject::Dict(items));
            }
            0x85..=0x87 => {
                let mut items = Vec::with_capacity(3);
                for _ in 0x85..=code {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(PickleObject::Tuple(items));
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
                let (PickleObject::Text(module), PickleObject::Text(name)) =
                    (&self.objects[module.0], &self.objects[name.0])
                else {
                    return Err("names something that is not text".to_owned());
                };
                self.name(module, name)?;
            }
            // REDUCE, NEWOBJ.
            b'R' | 0x81 => {
                let (args, callee) = (self.pop()?, self.pop()?);
                let is = |id: ObjectId| &self.objects[id.0];
                if !matches!(is(callee), PickleObject::Name(..))
                    || !matches!(is(args), PickleObject::Tuple(_))
                {
                    return Err("calls something that has no name".to_owned());
                }
                self.push(PickleObject::Call {
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
                    PickleObject::Call { state, .. } => *state = Some(value),
                    _ => return Err("sets the state of a plain value".to_owned()),
                }
            }
            b'Q' => {
                let description = self.pop()?;
                self.push(PickleObject::Outside(description));
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
        std::str::from_utf8(text).map_err(|_| "holds a name that is not text".to_owned())
    }

    fn long(&mut self, len: usize) -> Result<(), String> {
        let digits = self.take(len)?;
        // Two's complement, little-endian; longer ones are no sizes.
        let value = match digits {
            [] => PickleObject::Int(0),
            [.., last] if len <= 8 => {
                let mut all = [if *last >= 0x80 { 0xff } else { 0 }; 8];
                all[..len].copy_from_slice(digits);
                PickleObject::Int(i64::from_le_bytes(all))
            }
            _ => PickleObject::Number,
        };
        self.push(value);
        Ok(())
    }

    fn text(&mut self, len: usize) -> Result<(), String> {
        let text = std::str::from_utf8(self.take(len)?);
        let text = text.map_err(|_| "holds text that is not UTF-8".to_owned())?;
        self.push(PickleObject::Text(text));
        Ok(())
    }

    fn raw(&mut self, len: usize) -> Result<(), String> {
        let bytes = self.take(len)?;
        self.push(PickleObject::Bytes(bytes));
        Ok(())
    }

    fn name(&mut self, module: &'a str, name: &'a str) -> Result<(), String> {
        let known = NAMES
            .iter()
            .any(|(m, names)| *m == module && names.contains(&name));
        if !known {
            return Err(format!(
                "names `{module}.{name}`, which is not part of a checkpoint's weights (where a whole \
                 model was saved, save its `state_dict()` instead),"
            ));
        }
        self.push(PickleObject::Name(module, name));
        Ok(())
    }

    fn push(&mut self, object: PickleObject<'a>) {
        self.stack.push(ObjectId(self.objects.len()));
        self.objects.push(object);
    }

    /// The topmost object above the last mark.
    fn top(&self) -> Result<ObjectId, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err("takes from an empty stack".to_owned()),
        }
    }

    fn pop(&mut self) -> Result<ObjectId, String> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    fn pop_marked(&mut self) -> Result<Vec<ObjectId>, String> {
        let mark = self
            .marks
            .pop()
            .ok_or("goes back to a mark that it did not set")?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, mut items: Vec<ObjectId>) -> Result<(), String> {
        let target = self.top()?;
        match &mut self.objects[target.0] {
            PickleObject::List(list) => list.append(&mut items),
            _ => return Err("appends to something that is not a list".to_owned()),
        }
        Ok(())
    }

    fn set(&mut self, mut new: Vec<(ObjectId, ObjectId)>) -> Result<(), String> {
        let target = self.top()?;
        match &mut self.objects[target.0] {
            PickleObject::Dict(items) | PickleObject::Call { items, .. } => items.append(&mut new),
            _ => return Err("sets an item of something that is not a dict".to_owned()),
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

fn pairs(items: Vec<ObjectId>) -> Result<Vec<(ObjectId, ObjectId)>, String> {
    match items.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()),
        _ => Err("holds a key without a value".to_owned()),
    }
}
