//! `sandlock-core/src/syscall/constants.rs`: `Syscall::OPENAT` and its like.

use std::collections::BTreeMap;
use std::fmt::Write;

use sandlock::Arch;

pub(crate) fn page() -> Result<String, std::fmt::Error> {
    let mut names: BTreeMap<&str, Vec<Arch>> = BTreeMap::new();
    for arch in Arch::ALL {
        for (_, name) in arch.calls() {
            names.entry(name).or_default().push(arch);
        }
    }
    let mut text = String::from(
        "//! A constant for each call that the architecture has. Written by `make generate`.\n\n\
         super::named! {\n",
    );
    for (name, archs) in names {
        if let [arch] = archs[..] {
            writeln!(text, "    #[cfg(target_arch = \"{}\")]", arch.name())?;
        }
        writeln!(text, "    {} = {name};", name.to_ascii_uppercase())?;
    }
    text.push_str("}\n");
    Ok(text)
}
