//! Values of several rounds.

/// One value for each round, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The middle value. The mean of the two middle values where their number is even. NaN where there is
    /// none.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The ratio to the other series, round by round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_rounds_and_their_ratios() {
        let a = Series(vec![30.0, 10.0, 20.0]);
        let b = Series(vec![10.0, 10.0, 40.0]);
        assert_eq!((a.min(), a.median(), a.max()), (10.0, 20.0, 30.0));
        assert_eq!(a.over(&b).0, [3.0, 1.0, 0.5]);
        assert_eq!(Series(vec![1.0, 2.0]).median(), 1.5);
        assert!(Series::default().median().is_nan());
    }
}
