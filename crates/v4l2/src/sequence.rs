//! The driver's sequence numbers.

/// What a number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceStep {
    /// So many frames are missing before it; 0 where it follows.
    After(u32),
    /// The count has started again, or jumped: the number of missing frames is unknown.
    Anew,
}

/// More frames than this are not lost between two that come: the count has jumped.
const MAX_GAP: u32 = 1 << 16;

/// Follows the numbers, which go round after 2³² − 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequenceCounter {
    last: Option<u32>,
}

impl SequenceCounter {
    /// A frame with this number.
    pub fn update(&mut self, number: u32) -> SequenceStep {
        let Some(last) = self.last.replace(number) else {
            return SequenceStep::After(0);
        };
        match number.wrapping_sub(last) {
            step @ 1..=MAX_GAP => SequenceStep::After(step - 1),
            _ => SequenceStep::Anew,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_over_the_wrap() {
        let mut sequence = SequenceCounter::default();
        let steps = [5, 6, 9, u32::MAX - 1, u32::MAX, 0, 2].map(|n| sequence.update(n));
        let want = [
            SequenceStep::After(0),
            SequenceStep::After(0),
            SequenceStep::After(2),
            SequenceStep::Anew,
            SequenceStep::After(0),
            SequenceStep::After(0),
            SequenceStep::After(1),
        ];
        assert_eq!(steps, want);
    }

    #[test]
    fn a_number_that_comes_twice_or_goes_back_begins_again() {
        let mut sequence = SequenceCounter::default();
        assert_eq!(
            [7, 7, 3, 4].map(|n| sequence.update(n)),
            [
                SequenceStep::After(0),
                SequenceStep::Anew,
                SequenceStep::Anew,
                SequenceStep::After(0)
            ]
        );
    }
}
