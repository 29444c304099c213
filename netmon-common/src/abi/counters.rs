//! The macro behind every counter table, and what a table row says.

/// One label of a counter, with its closed set of values.
#[derive(Clone, Copy, Debug)]
pub struct Dimension {
    /// Label name.
    pub name: &'static str,
    /// Label values, in counter order.
    pub values: &'static [&'static str],
}

/// How a counter reaches `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// As `netmon_<name>_total` by vantage, direction and its own dimensions.
    Vantage,
    /// As `netmon_<name>_total` with its own dimensions only.
    Plain,
    /// Not by itself: a metric family is computed from it.
    Inner,
}

/// One row of a counter table: a counter, or an array of counters.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// Field name, JSON key and, in `netmon_<name>_total`, metric name.
    pub name: &'static str,
    /// The doc comment of the row, which is also the HELP text.
    pub help: &'static str,
    /// How it reaches `/metrics`.
    pub export: Export,
    /// Its labels; the last one varies fastest.
    pub dimensions: &'static [Dimension],
    /// Upper bounds of its buckets, for a histogram; else none. A histogram's
    /// words are its buckets, one more than bounds, and the sum.
    pub bounds: &'static [u64],
    /// First word of the counter in the layout.
    pub offset: usize,
    /// Words that it takes: the product of its dimensions.
    pub words: usize,
}

impl Counter {
    /// The HELP text.
    pub fn help(&self) -> &'static str {
        self.help.trim()
    }
}

/// 64-bit words in so many bytes.
pub(crate) const fn words(bytes: usize) -> usize {
    bytes >> size_of::<u64>().trailing_zeros()
}

/// How far a counter moved from `earlier` to `now`. A counter that fell was
/// either reset, and then all of it is new, or it wrapped at 2^64, which only a
/// counter beyond half of that can have done.
pub const fn increase(now: u64, earlier: u64) -> u64 {
    if now >= earlier || earlier > u64::MAX / 2 { now.wrapping_sub(earlier) } else { now }
}

/// Declares a struct of counters: layout, per-CPU sum, names and help texts all
/// follow from one documented line per counter,
/// `export name;`, `export name[label: Labels, ...];`, for a histogram
/// `inner name(BOUNDS);`, or for a [`Timing`](super::timing::Timing)
/// `inner name(BOUNDS, native);`.
macro_rules! counters {
    ($(#[$meta:meta])* $vis:vis struct $table:ident {
        $(
            #[doc = $help:literal]
            $export:ident $name:ident $([$($dim:ident: $labels:ty),+])? $(($bounds:ident $(, $native:ident)?))?;
        )+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        $vis struct $table {
            $(
                #[doc = $help]
                pub $name: $crate::abi::counters::field!(@type $([$($labels),+])? $(($bounds $(, $native)?))?),
            )+
        }

        impl $table {
            /// Nothing counted.
            pub const ZERO: Self = Self {
                $($name: $crate::abi::counters::field!(@zero $([$($labels),+])? $(($bounds $(, $native)?))?),)+
            };

            /// Size of the layout in 64-bit words.
            pub const WORDS: usize = $crate::abi::counters::words(size_of::<Self>());

            /// One row per counter, in layout order.
            pub const COUNTERS: &'static [$crate::abi::counters::Counter] = &[
                $($crate::abi::counters::Counter {
                    name: stringify!($name),
                    help: $help,
                    export: $crate::abi::counters::field!(@export $export),
                    dimensions: &[$($($crate::abi::counters::Dimension {
                        name: stringify!($dim),
                        values: <$labels>::LABELS,
                    }),+)?],
                    bounds: $crate::abi::counters::field!(@bounds $(($bounds $(, $native)?))?),
                    offset: $crate::abi::counters::words(core::mem::offset_of!(Self, $name)),
                    words: $crate::abi::counters::words(size_of::<
                        $crate::abi::counters::field!(@type $([$($labels),+])? $(($bounds $(, $native)?))?)
                    >()),
                },)+
            ];

            /// The words of the layout, in order.
            pub fn words(&self) -> [u64; Self::WORDS] {
                let mut words = [0; Self::WORDS];
                let mut rest = words.iter_mut();
                $($crate::abi::counters::field!(
                    @read rest, self.$name, $([$($labels),+])? $(($bounds $(, $native)?))?
                );)+
                words
            }

            /// The counters that `words` hold, one per CPU or process.
            pub fn from_words(words: &[u64; Self::WORDS]) -> Self {
                let mut table = Self::ZERO;
                let mut rest = words.iter();
                $($crate::abi::counters::field!(
                    @write rest, table.$name, $([$($labels),+])? $(($bounds $(, $native)?))?
                );)+
                table
            }

            /// Adds another table, word by word. Counters wrap at 2^64.
            pub fn add(&mut self, other: &Self) {
                let mut words = self.words();
                for (word, more) in words.iter_mut().zip(other.words()) {
                    *word = word.wrapping_add(more);
                }
                *self = Self::from_words(&words);
            }

            /// What was counted since `earlier`, which must be an earlier state
            /// of the same counters.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                let mut words = self.words();
                for (word, before) in words.iter_mut().zip(earlier.words()) {
                    *word = word.wrapping_sub(before);
                }
                Self::from_words(&words)
            }

        }

        const _: () = assert!(align_of::<$table>() == align_of::<u64>());
    };
}
pub(crate) use counters;

/// Helper of [`counters!`]: type, zero value and copies of one field.
macro_rules! field {
    (@export vantage) => { $crate::abi::counters::Export::Vantage };
    (@export plain) => { $crate::abi::counters::Export::Plain };
    (@export inner) => { $crate::abi::counters::Export::Inner };

    (@bounds) => { &[] };
    (@bounds ($bounds:ident $(, native)?)) => { &$bounds };

    (@type) => { u64 };
    (@type [$($labels:ty),+]) => { [u64; 1 $(* <$labels>::COUNT)+] };
    (@type ($bounds:ident)) => { $crate::abi::histogram::Histogram<{ $bounds.len() + 1 }> };
    (@type ($bounds:ident, native)) => { $crate::abi::timing::Timing<{ $bounds.len() + 1 }> };

    (@zero) => { 0 };
    (@zero [$($labels:ty),+]) => { [0; 1 $(* <$labels>::COUNT)+] };
    (@zero ($bounds:ident)) => { $crate::abi::histogram::Histogram::EMPTY };
    (@zero ($bounds:ident, native)) => { $crate::abi::timing::Timing::EMPTY };

    (@read $rest:ident, $self:ident.$name:ident,) => {
        if let Some(word) = $rest.next() { *word = $self.$name; }
    };
    (@read $rest:ident, $self:ident.$name:ident, [$($labels:ty),+]) => {
        for value in $self.$name { if let Some(word) = $rest.next() { *word = value; } }
    };
    (@read $rest:ident, $self:ident.$name:ident, ($($kind:ident),+)) => {
        for value in $self.$name.words() { if let Some(word) = $rest.next() { *word = *value; } }
    };

    (@write $rest:ident, $table:ident.$name:ident,) => {
        if let Some(word) = $rest.next() { $table.$name = *word; }
    };
    (@write $rest:ident, $table:ident.$name:ident, [$($labels:ty),+]) => {
        for value in &mut $table.$name { if let Some(word) = $rest.next() { *value = *word; } }
    };
    (@write $rest:ident, $table:ident.$name:ident, ($($kind:ident),+)) => {
        for value in $table.$name.words_mut() {
            if let Some(word) = $rest.next() { *value = *word; }
        }
    };
}
pub(crate) use field;
