//! A small deterministic random number generator for the tests of this crate: the product itself uses none.

use super::count_to_float;

/// `SplitMix64` (Steele, Lea, Flood 2014): the same seed gives the same numbers everywhere.
pub struct Noise(u64);

impl Noise {
    /// Streams of neighbouring seeds do not overlap: the seed is mixed before it becomes the state.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_mul(0xD1B5_4A32_D192_ED03)))
    }

    /// Uniform in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (count_to_float(mix(self.0) >> 12) + 0.5) / count_to_float(1 << 52)
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student's t with 4 degrees of freedom: symmetric with heavy tails.
    pub fn student_t4(&mut self) -> f64 {
        let z = self.normal();
        let chi: f64 = (0..4).map(|_| self.normal().powi(2)).sum();
        z / (chi / 4.0).sqrt()
    }

    /// Beta distributed: the quotient of two gamma variables.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }

    /// Gamma with unit scale (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = self.uniform().powf(1.0 / shape);
            return boost * self.gamma(shape + 1.0);
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let z = self.normal();
            let v = (1.0 + z / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * z * z + d * (1.0 - v + v.ln()) {
                return d * v;
            }
        }
    }

    /// How many of `n` trials succeed at probability `p`, trial by trial.
    pub fn binomial(&mut self, n: u64, p: f64) -> u64 {
        (0..n).map(|_| u64::from(self.uniform() < p)).sum()
    }

    /// Poisson with the given mean (Knuth 1969), for means below a few hundred.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
