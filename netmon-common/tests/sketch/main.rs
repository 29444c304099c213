//! Sketches against what they are sketches of: never below the truth, above it by as much
//! as their authors say, and the same whoever saw which part.

mod count_min;
mod marks;
mod registers;
mod space_saving;

/// A number of which every bit depends on every bit of another (Steele, Lea, Flood:
/// Fast splittable pseudorandom number generators, 2014).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
