//! One stream of random numbers for scenes, batches and tests. Written here because a drive and a
//! training run must come out the same years later, and the streams of general crates may change
//! between versions.

/// Step of the state: 2^64 over the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: spreads every input bit over the output.
pub fn mix_bits(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The first number of the stream of `seed`: a hash of it.
pub fn hash_bits(seed: u64) -> u64 {
    mix_bits(seed.wrapping_add(STEP))
}

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomBits {
    state: u64,
}

impl RandomBits {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream of `seed` without its first number.
    pub fn after_first(seed: u64) -> Self {
        Self::new(seed.wrapping_add(STEP))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix_bits(self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_never_changes_between_versions() {
        // Reference values of SplitMix64 from state 0.
        let mut bits = RandomBits::new(0);
        assert_eq!(bits.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(bits.next_u64(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(bits.next_u64(), 0x06c4_5d18_8009_454f);
        assert_eq!(hash_bits(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(RandomBits::after_first(0).next_u64(), 0x6e78_9e6a_a1b9_65f4);
    }
}
