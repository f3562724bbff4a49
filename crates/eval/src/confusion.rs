//! Closed-set metrics: per-class IoU and their mean, from a confusion matrix.

use unmask_frame::LabelMap;

/// Pixels by labelled and predicted class, summed over images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[labelled, predicted]`, row-major.
    counts: Vec<u64>,
}

impl Confusion {
    /// For `classes` classes; pixels with other labels or predictions do not count.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; classes * classes],
        }
    }

    /// Counts an image. A prediction of another size is read at the nearest cell.
    pub fn add(&mut self, predicted: &LabelMap, labels: &LabelMap) {
        let (from, to) = (predicted.size(), labels.size());
        if from.area_px() == 0 {
            return;
        }
        for y in 0..to.h {
            let row = predicted.row((2 * y + 1) * from.h / (2 * to.h));
            for (x, &label) in labels.row(y).iter().enumerate() {
                let class = usize::from(row[(2 * x + 1) * from.w / (2 * to.w)]);
                let label = usize::from(label);
                if label < self.classes && class < self.classes {
                    self.counts[label * self.classes + class] += 1;
                }
            }
        }
    }

    /// Adds the images that `other`, of as many classes, counted.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in self.counts.iter_mut().zip(&other.counts) {
            *sum += more;
        }
    }

    /// Intersection over union of each class; `None` for one that is neither labelled nor predicted.
    pub fn iou(&self) -> Vec<Option<f64>> {
        let k = self.classes;
        let of = |class: usize| {
            let hit = self.counts[class * k + class];
            let labelled: u64 = self.counts[class * k..(class + 1) * k].iter().sum();
            let predicted: u64 = (0..k).map(|label| self.counts[label * k + class]).sum();
            let union = labelled + predicted - hit;
            (union > 0).then(|| hit as f64 / union as f64)
        };
        (0..k).map(of).collect()
    }

    /// Mean of [`Confusion::iou`] over the classes that have one; 0 without any.
    pub fn mean_iou(&self) -> f64 {
        let known: Vec<f64> = self.iou().into_iter().flatten().collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    }

    /// Share of the pixels with the right class; 0 without any.
    pub fn accuracy(&self) -> f64 {
        let all: u64 = self.counts.iter().sum();
        let hits: u64 = (0..self.classes)
            .map(|class| self.counts[class * self.classes + class])
            .sum();
        hits as f64 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_frame::{PixelMap, Size};

    #[test]
    fn iou_by_hand_and_merged() {
        let size = Size::new(4, 2);
        let labels = PixelMap::new(size, vec![0, 0, 1, 1, 0, 255, 1, 7]).unwrap();
        let predicted = PixelMap::new(size, vec![0, 1, 1, 1, 0, 0, 0, 1]).unwrap();
        let mut confusion = Confusion::new(3);
        confusion.add(&predicted, &labels);
        // Class 0: 2 of {3 labelled, 3 predicted}; class 1: 2 of {3, 3}; class 2: nowhere.
        assert_eq!(confusion.iou(), [Some(0.5), Some(0.5), None]);
        assert_eq!(confusion.mean_iou(), 0.5);
        assert_eq!(confusion.accuracy(), 4.0 / 6.0);
        let mut twice = confusion.clone();
        twice.merge(&confusion);
        assert_eq!(twice.mean_iou(), confusion.mean_iou());
    }

    #[test]
    fn small_predictions_are_read_at_the_nearest_cell() {
        let labels = PixelMap::new(Size::new(4, 4), [0, 0, 1, 1].repeat(4)).unwrap();
        let predicted = PixelMap::new(Size::new(2, 2), vec![0, 1, 0, 1]).unwrap();
        let mut confusion = Confusion::new(2);
        confusion.add(&predicted, &labels);
        assert_eq!(confusion.mean_iou(), 1.0);
    }
}
