//! Test pictures: bytes that identify picture, position and shift.

/// `count` pictures of `size` bytes, each with noise of its own.
pub fn noise(count: usize, size: usize) -> Vec<Vec<u8>> {
    (0..count as u64)
        .map(|picture| {
            // SplitMix64: eight bytes per step.
            let mut state = picture.wrapping_mul(0x632b_e59b_d9b4_e019) ^ 0x5eed;
            let mut bytes = Vec::with_capacity(size + 8);
            while bytes.len() < size {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
            }
            bytes.truncate(size);
            bytes
        })
        .collect()
}

/// FNV-1a, 64 bits, over the bytes.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_differ_and_come_again() {
        let pictures = noise(4, 1001);
        assert!(pictures.iter().all(|picture| picture.len() == 1001));
        let mut hashes: Vec<u64> = pictures.iter().map(|picture| hash(picture)).collect();
        assert_eq!(noise(4, 1001), pictures);
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 4);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
