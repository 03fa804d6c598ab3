//! `include/sandlock.h`: the C interface, of the sources of `sandlock-ffi`.

use std::error::Error;
use std::path::Path;

pub(crate) fn header() -> Result<String, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandlock-ffi");
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))?;
    // Of the sources alone: with a whole crate, cbindgen asks cargo, which users of the tests need not have.
    let source = folder.join("src/lib.rs");
    let bindings = cbindgen::Builder::new().with_src(source).with_config(config).generate()?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    Ok(String::from_utf8(text)?)
}
