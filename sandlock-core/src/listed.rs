//! Enums that list their variants.

/// Defines an enum and `ALL`, the list of its variants in their order: one definition, so that no
/// variant can be missing there.
macro_rules! listed {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $($(#[$variant_attribute:meta])* $variant:ident $(= $number:literal)?,)*
        }
    ) => {
        $(#[$attribute])*
        pub enum $name {
            $($(#[$variant_attribute])* $variant $(= $number)?,)*
        }

        impl $name {
            /// Every variant, in order.
            pub const ALL: [$name; [$(stringify!($variant)),*].len()] = [$($name::$variant),*];
        }
    };
}

pub(crate) use listed;
