//! Something for each vantage and direction.

use netmon_common::abi::labels::Direction;

use super::Vantage;

/// One thing for each vantage and direction, all of them always there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sides<T>([[T; Direction::COUNT]; Vantage::ALL.len()]);

impl<T> Sides<T> {
    /// What `make` says of each of them.
    pub fn of(make: impl Fn(Vantage, Direction) -> T) -> Self {
        let both = [Direction::Ingress, Direction::Egress];
        Self(Vantage::ALL.map(|vantage| both.map(|direction| make(vantage, direction))))
    }

    /// That of one vantage and direction.
    pub const fn get(&self, vantage: Vantage, direction: Direction) -> &T {
        let [boundary, internal, loopback] = &self.0;
        let [ingress, egress] = match vantage {
            Vantage::Boundary => boundary,
            Vantage::Internal => internal,
            Vantage::Loopback => loopback,
        };
        match direction {
            Direction::Ingress => ingress,
            Direction::Egress => egress,
        }
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, vantage: Vantage, direction: Direction) -> &mut T {
        &mut self.0[vantage as usize][direction.index()]
    }

    /// All of them, vantage by vantage.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.as_flattened().iter()
    }
}
