//! What is usual, whatever a few outliers say.

/// The middle of some figures, 0 of none. Puts them into order.
pub(super) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle.wrapping_sub(1)), figures.get(middle)) {
        (Some(below), Some(above)) if figures.len().is_multiple_of(2) => {
            f64::midpoint(*below, *above)
        }
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_figures() {
        let cases: &[(&[f64], f64)] = &[
            (&[], 0.0),
            (&[7.0], 7.0),
            (&[9.0, 1.0], 5.0),
            (&[9.0, 1.0, 2.0], 2.0),
            (&[1e18, 4.0, 2.0, 0.0], 3.0),
        ];
        for (figures, middle) in cases {
            let mut figures = figures.to_vec();
            assert!((median(&mut figures) - middle).abs() < 1e-9, "{figures:?}");
        }
    }
}
