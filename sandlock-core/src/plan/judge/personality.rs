//! personality(2): only what changes names, not how memory is laid out or what is executable.

use super::{Rules, none_of, refuse_when};

/// PER_LINUX, PER_LINUX32, each also with UNAME26, and the question for the current value.
const HARMLESS: [u32; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

pub(super) fn rules(rules: &mut Rules) {
    rules.insert("personality", refuse_when([none_of(0, &HARMLESS)]));
}
