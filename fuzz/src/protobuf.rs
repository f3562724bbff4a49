//! Changes to a protobuf file that keep all lengths true: whole fields are dropped, doubled, moved
//! and exchanged, and what is inside of one is changed without breaking those around it.

use super::Dice;

/// Deeper messages are left as bytes.
const DEPTH: usize = 12;

#[derive(Clone)]
enum Field {
    Number(u64, u64),
    Fixed(u64, Vec<u8>),
    Bytes(u64, Vec<u8>),
    Message(u64, Vec<Field>),
}

impl Field {
    fn tag(&self) -> u64 {
        match self {
            Self::Number(tag, _)
            | Self::Fixed(tag, _)
            | Self::Bytes(tag, _)
            | Self::Message(tag, _) => *tag,
        }
    }
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn parse(bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let tag = varint(bytes, &mut at)?;
        let take = |at: &mut usize, len: usize| {
            let taken = bytes.get(*at..)?.get(..len)?;
            *at += len;
            Some(taken)
        };
        fields.push(match tag & 7 {
            0 => Field::Number(tag, varint(bytes, &mut at)?),
            1 => Field::Fixed(tag, take(&mut at, 8)?.to_vec()),
            5 => Field::Fixed(tag, take(&mut at, 4)?.to_vec()),
            2 => {
                let len = usize::try_from(varint(bytes, &mut at)?).ok()?;
                let inside = take(&mut at, len)?;
                match parse(inside, depth + 1) {
                    Some(fields) if depth < DEPTH && !inside.is_empty() => {
                        Field::Message(tag, fields)
                    }
                    _ => Field::Bytes(tag, inside.to_vec()),
                }
            }
            _ => return None,
        });
    }
    Some(fields)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn encode(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        put_varint(&mut out, field.tag());
        match field {
            Field::Number(_, value) => put_varint(&mut out, *value),
            Field::Fixed(_, bytes) => out.extend(bytes),
            Field::Bytes(_, bytes) => {
                put_varint(&mut out, bytes.len() as u64);
                out.extend(bytes);
            }
            Field::Message(_, fields) => {
                let inside = encode(fields);
                put_varint(&mut out, inside.len() as u64);
                out.extend(inside);
            }
        }
    }
    out
}

/// Number of messages, the outermost with it.
fn count(fields: &[Field]) -> usize {
    let inside = |field: &Field| match field {
        Field::Message(_, fields) => count(fields),
        _ => 0,
    };
    1 + fields.iter().map(inside).sum::<usize>()
}

/// Calls `f` on the message number `n`, counted as [`count`] does; whether it was there.
fn with_message(
    fields: &mut Vec<Field>,
    n: &mut usize,
    f: &mut dyn FnMut(&mut Vec<Field>),
) -> bool {
    if *n == 0 {
        f(fields);
        return true;
    }
    *n -= 1;
    fields.iter_mut().any(|field| match field {
        Field::Message(_, fields) => with_message(fields, n, f),
        _ => false,
    })
}

fn all<'a>(fields: &'a [Field], found: &mut Vec<&'a Field>) {
    for field in fields {
        found.push(field);
        if let Field::Message(_, fields) = field {
            all(fields, found);
        }
    }
}

const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
    10,
    11,
    13,
    17,
    64,
    255,
    1 << 16,
    1 << 31,
    1 << 32,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
    u64::MAX - 1,
    1 << 63,
];

/// `bytes` with one thing changed; `mutate` changes a buffer in place (its first `len` bytes) and
/// gives the new length.
pub fn mutate(
    bytes: &[u8],
    most: usize,
    seed: u32,
    mutate: impl Fn(&mut [u8], usize) -> usize,
) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let changed = |part: &[u8], room: usize| super::changed(part, room, &mutate);
    let parsed = parse(bytes, 0).filter(|fields| !fields.is_empty());
    let mut root = match parsed {
        Some(root) if dice.roll(8) > 0 => root,
        _ => return changed(bytes, most),
    };
    let other = root.clone();
    let mut others = Vec::new();
    all(&other, &mut others);
    let mut place = dice.roll(count(&root));
    with_message(&mut root, &mut place, &mut |fields| {
        let i = dice.roll(fields.len());
        if fields.is_empty() {
            return;
        }
        match dice.roll(10) {
            0 => drop(fields.remove(i)),
            1 => {
                let copy = fields[i].clone();
                fields.insert(dice.roll(fields.len() + 1), copy);
            }
            2 => {
                let j = dice.roll(fields.len());
                fields.swap(i, j);
            }
            // A field of the same number from elsewhere: another node, another shape.
            3..=5 => {
                let tag = fields[i].tag();
                let same: Vec<_> = others.iter().filter(|f| f.tag() == tag).collect();
                let one = (*same[dice.roll(same.len())]).clone();
                match dice.roll(3) {
                    0 => fields.push(one),
                    _ => fields[i] = one,
                }
            }
            6 => {
                let field = match dice.roll(2) {
                    0 => fields[i].tag() & !7,
                    _ => 8 * (1 + dice.roll(25) as u64),
                };
                fields.push(Field::Number(field, NUMBERS[dice.roll(NUMBERS.len())]));
            }
            _ => match &mut fields[i] {
                Field::Number(_, value) => {
                    *value = match dice.roll(3) {
                        0 => value.wrapping_add(1),
                        1 => value.wrapping_sub(1),
                        _ => NUMBERS[dice.roll(NUMBERS.len())],
                    };
                }
                Field::Fixed(_, inside) => {
                    let len = inside.len();
                    *inside = changed(inside, len);
                    inside.resize(len, 0);
                }
                Field::Bytes(_, inside) => {
                    let room = inside.len() + most.saturating_sub(bytes.len() + 16);
                    *inside = changed(inside, room);
                }
                Field::Message(tag, inside) => {
                    // Packed numbers look like messages, too.
                    let inside = encode(inside);
                    let room = inside.len() + most.saturating_sub(bytes.len() + 16);
                    fields[i] = Field::Bytes(*tag, changed(&inside, room));
                }
            },
        }
    });
    let out = encode(&root);
    match out.len() <= most {
        true => out,
        false => changed(bytes, most),
    }
}
