//! Gives the library the name that programs are linked with. While the major version is 0, a minor
//! version may change the interface, so it is part of the name.

fn main() {
    let part = |name| std::env::var(name).unwrap_or_default();
    let (major, minor) = (part("CARGO_PKG_VERSION_MAJOR"), part("CARGO_PKG_VERSION_MINOR"));
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libsandlock.so.{major}.{minor}");
    // Its threads may still run, and hosts' callbacks be under way, when somebody calls dlclose(3).
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
