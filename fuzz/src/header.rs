//! Changes to a safetensors file that keep the length before its header true: random bytes rarely
//! hit it, and then nothing behind it is ever read.

use super::Dice;

/// `bytes` with its header, its numbers or anything changed; `mutate` changes a buffer in place
/// (its first `len` bytes) and gives the new length.
pub fn mutate(
    bytes: &[u8],
    most: usize,
    seed: u32,
    mutate: impl Fn(&mut [u8], usize) -> usize,
) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let changed = |part: &[u8], room: usize| super::changed(part, room, &mutate);
    let length = bytes.first_chunk().map(|&n| u64::from_le_bytes(n) as usize);
    let parts = length.and_then(|n| bytes[8..].split_at_checked(n));
    let (header, numbers) = match parts {
        Some(parts) if dice.roll(8) > 0 => parts,
        _ => return changed(bytes, most),
    };
    let room = most.saturating_sub(8 + numbers.len());
    let (header, numbers) = match dice.roll(4) {
        0 => {
            let room = most.saturating_sub(8 + header.len());
            (header.to_vec(), changed(numbers, room))
        }
        _ => (changed(header, room), numbers.to_vec()),
    };
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], &header, &numbers].concat()
}
