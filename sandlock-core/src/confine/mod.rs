//! A plan made into what the kernel takes: a Landlock ruleset and a seccomp program.

pub(crate) mod filter;
pub(crate) mod ruleset;

#[cfg(test)]
mod tests;
