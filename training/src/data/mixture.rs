//! Which sample comes next: a weighted mixture of data sets, each in shuffled epochs.

use super::rng::{fold, permute};
use super::{DataError, LabelledSample, PictureDataset};

/// Draws in one round of the mixture: weights count to a hundredth.
const ROUND: u64 = 100;

/// Several data sets, drawn by weight.
///
/// Draws come in rounds of 100, in which each data set has its exact share, in shuffled order. A
/// data set is gone through in epochs, each in a new shuffled order. Draw `n` needs no draw before
/// it.
#[derive(Clone, Debug)]
pub struct SourceMixture {
    /// Data set, number of draws in a round, number of draws before its first in a round.
    parts: Vec<(PictureDataset, u64, u64)>,
}

impl SourceMixture {
    /// A mixture of `parts`: data sets with their weights, of which only the ratio counts. A
    /// weight of 0 leaves its data set out; any other gets at least one draw in 100.
    ///
    /// # Errors
    /// [`DataError::Setting`] where weights are negative, not finite or all 0, where more than 50
    /// sets are given, or where the sets differ in their number of classes; [`DataError::Empty`]
    /// for an empty set.
    pub fn new(parts: Vec<(PictureDataset, f64)>) -> Result<Self, DataError> {
        let wrong = |what: String| {
            Err(DataError::Setting {
                name: "weights",
                what,
            })
        };
        if let Some((set, weight)) = parts.iter().find(|(_, w)| !(w.is_finite() && *w >= 0.0)) {
            return wrong(format!(
                "'{}' has {weight}; give a number of 0 or more",
                set.name()
            ));
        }
        let parts: Vec<_> = parts.into_iter().filter(|(_, w)| *w > 0.0).collect();
        if parts.is_empty() {
            return wrong("no data set has a weight above 0".into());
        }
        if parts.len() > 50 {
            return wrong("give at most 50 data sets".into());
        }
        if let Some((set, _)) = parts.iter().find(|(set, _)| set.is_empty()) {
            return Err(DataError::Empty {
                path: set.name().into(),
                wanted: "samples".into(),
            });
        }
        let first = &parts[0].0;
        if let Some((set, _)) = parts
            .iter()
            .find(|(set, _)| set.classes() != first.classes())
        {
            return wrong(format!(
                "'{}' has {} classes and '{}' {}; map one to the other's classes first",
                first.name(),
                first.classes(),
                set.name(),
                set.classes()
            ));
        }
        let shares = shares(&parts.iter().map(|part| part.1).collect::<Vec<_>>());
        let mut before = 0;
        let with_share = |((set, _), share)| {
            let part = (set, share, before);
            before += share;
            part
        };
        Ok(Self {
            parts: parts.into_iter().zip(shares).map(with_share).collect(),
        })
    }

    /// Number of known classes, the same in all parts.
    pub fn classes(&self) -> usize {
        self.parts[0].0.classes()
    }

    /// The data set of draw `draw` and the index of the sample in it.
    pub fn pick(&self, seed: u64, draw: u64) -> (&PictureDataset, u64) {
        let round = draw / ROUND;
        let place = permute(draw % ROUND, ROUND, fold(&[seed, 1, round]));
        let mut number = self.parts.len() - 1;
        while place < self.parts[number].2 {
            number -= 1;
        }
        let (set, share, before) = &self.parts[number];
        let drawn = round * share + (place - before);
        let (epoch, at) = (drawn / set.len(), drawn % set.len());
        (
            set,
            permute(at, set.len(), fold(&[seed, 2, number as u64, epoch])),
        )
    }

    /// Reads the sample of draw `draw`.
    ///
    /// # Errors
    /// Those of [`PictureDataset::get`].
    pub fn get(&self, seed: u64, draw: u64) -> Result<LabelledSample, DataError> {
        let (set, index) = self.pick(seed, draw);
        set.get(index)
    }
}

/// Whole shares of [`ROUND`], at least 1 each, by largest remainder.
fn shares(weights: &[f64]) -> Vec<u64> {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    // First by the largest, so that huge weights cannot overflow the sum.
    let sum: f64 = weights.iter().map(|w| w / largest).sum();
    let exact: Vec<f64> = weights
        .iter()
        .map(|w| w / largest / sum * ROUND as f64)
        .collect();
    let mut shares: Vec<u64> = exact.iter().map(|v| (*v as u64).max(1)).collect();
    loop {
        let total: u64 = shares.iter().sum();
        let short = |&i: &usize| exact[i] - shares[i] as f64;
        let by_short = |a: &usize, b: &usize| short(a).total_cmp(&short(b));
        if total < ROUND {
            let most = (0..shares.len()).max_by(by_short).unwrap_or(0);
            shares[most] += 1;
        } else if total > ROUND {
            let least = (0..shares.len())
                .filter(|&i| shares[i] > 1)
                .min_by(by_short)
                .unwrap_or(0);
            shares[least] -= 1;
        } else {
            return shares;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use unmask_frame::{Picture, Size};

    fn set(name: &'static str, len: u64, classes: usize) -> PictureDataset {
        PictureDataset::frames(name, len, classes, move |i| {
            let picture = Picture::filled(Size::new(1, 1), [0; 3]);
            Ok(LabelledSample {
                name: format!("{name} {i}"),
                picture,
                labels: vec![0],
            })
        })
    }

    #[test]
    fn shares_are_exact_and_epochs_hold_every_sample_once() {
        let mixture =
            SourceMixture::new(vec![(set("road", 30, 11), 3.0), (set("drive", 7, 11), 2.0)])
                .unwrap();
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut road = 0;
        // 70 rounds: 4200 draws of 30 samples, 2800 of 7.
        for draw in 0..7000 {
            let name = mixture.get(5, draw).unwrap().name;
            road += u32::from(name.starts_with("road"));
            *seen.entry(name).or_default() += 1;
            if draw % 100 == 99 {
                assert_eq!(road, 60, "of each round");
                road = 0;
            }
        }
        assert_eq!(seen.len(), 37);
        for (name, n) in seen {
            assert_eq!(
                n,
                if name.starts_with("road") { 140 } else { 400 },
                "{name}"
            );
        }
    }

    #[test]
    fn order_is_shuffled_and_follows_the_seed() {
        let mixture = SourceMixture::new(vec![(set("road", 100, 2), 1.0)]).unwrap();
        let epoch = |seed, from: u64| -> Vec<u64> {
            (from..from + 100)
                .map(|draw| mixture.pick(seed, draw).1)
                .collect()
        };
        assert_eq!(epoch(1, 0), epoch(1, 0));
        assert_ne!(epoch(1, 0), epoch(2, 0));
        assert_ne!(epoch(1, 0), epoch(1, 100), "another epoch, another order");
        let ordered = epoch(1, 0).windows(2).filter(|w| w[1] == w[0] + 1).count();
        assert!(ordered < 10);
    }

    #[test]
    fn weights_become_whole_shares() {
        assert_eq!(shares(&[1.0]), [100]);
        assert_eq!(shares(&[0.6, 0.4]), [60, 40]);
        assert_eq!(shares(&[1.0, 1.0, 1.0]).iter().sum::<u64>(), 100);
        assert_eq!(shares(&[1e-9, 1.0]), [1, 99]);
        assert_eq!(shares(&[f64::MAX, f64::MAX]), [50, 50]);
        let many = shares(&[1.0; 50]);
        assert_eq!(many, [2; 50]);
        assert_eq!(shares(&[1e-9, 1e-9, 1e-9, 1e9]), [1, 1, 1, 97]);
    }

    #[test]
    fn what_cannot_be_mixed_is_refused() {
        let message = |parts| SourceMixture::new(parts).unwrap_err().to_string();
        assert!(message(vec![]).contains("no data set"));
        assert!(message(vec![(set("a", 1, 2), 0.0)]).contains("no data set"));
        assert!(message(vec![(set("a", 1, 2), -1.0)]).contains("'a' has -1"));
        assert!(message(vec![(set("a", 1, 2), f64::NAN)]).contains("'a' has NaN"));
        assert!(message(vec![(set("a", 0, 2), 1.0)]).contains("a holds no samples"));
        let message = message(vec![(set("a", 1, 2), 1.0), (set("b", 1, 3), 1.0)]);
        assert!(message.contains("'a' has 2 classes and 'b' 3"), "{message}");
        let many = (0..51).map(|_| (set("a", 1, 2), 1.0)).collect();
        assert!(SourceMixture::new(many).is_err());
        // A set without weight need not fit.
        let kept = SourceMixture::new(vec![(set("a", 1, 2), 1.0), (set("b", 0, 3), 0.0)]).unwrap();
        assert_eq!(kept.classes(), 2);
        assert_eq!(kept.pick(0, u64::MAX).1, 0);
    }
}
